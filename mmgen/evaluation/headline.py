"""Which of the results of a run a summary shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import load


def in_headline(row: Mapping[str, Any]) -> bool:
    """Whether a summary shows a result: as its metric says."""
    return load("metrics", row["metric"]).in_headline(row["measure"], row["given"], row["target"])
