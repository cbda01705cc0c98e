"""What a mapping of data in memory is, and what tells it from a mapping of options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

IN_MEMORY = "in-memory"  # the name of the dataset
OPTIONS = (str, int, float, Path, Mapping, list, tuple, type(None))


def plain(value: Any) -> bool:
    """Whether a value is one that an option may have, and no array."""
    return isinstance(value, OPTIONS)


def holds_data(given: Any) -> bool:
    """Whether a mapping holds data: it has no name of a dataset, and values that no option has, such as arrays."""
    if not isinstance(given, Mapping) or isinstance(given.get("name"), str):
        return False
    return not all(map(plain, given.values()))
