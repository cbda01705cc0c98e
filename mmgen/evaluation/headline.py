"""Which of the results of a run a summary shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import load
from .metric import is_summary


def in_headline(row: Mapping[str, Any]) -> bool:
    """Whether a summary shows a result: a headline measure of its metric, as a mean over subsets or without a subset."""
    return row["measure"] in load("metrics", row["metric"]).headline and is_summary(row["given"], row["target"])
