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


def is_object(given: Any) -> bool:
    """Whether something is an object of another package, such as AnnData, which a format may know."""
    if isinstance(given, (*OPTIONS, type)):
        return False
    return not any(each.__module__.split(".")[0] == "mmgen" for each in type(given).__mro__)


def holds_data(given: Any) -> bool:
    """Whether something holds data: an object of another package, or a mapping without the name of a dataset, and with
    values that no option has, such as arrays.
    """
    if is_object(given):
        return True
    if not isinstance(given, Mapping) or isinstance(given.get("name"), str):
        return False
    return not all(map(plain, given.values()))
