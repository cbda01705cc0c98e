"""Names of classes, which are words or whole numbers, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import DataError
from .notes import missing_names
from .numerals import is_finite
from .source import Source


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Without repetition; numbers by size, anything else by letter."""
    distinct = set(names)
    return tuple(
        sorted(distinct, key=lambda name: (float(name), name)) if all(map(is_finite, distinct)) else sorted(distinct)
    )


def parse_class_names(source: Source, cells: Sequence[Any], title: str) -> list[str | None]:
    """Names of classes: text or whole numbers; None where missing."""
    missing = missing_names(source, cells, title)
    words = [format_whole(cell) if isinstance(cell, float) and cell == cell else str(cell).strip() for cell in cells]
    names = [None if is_gap else name for name, is_gap in zip(words, missing)]
    if all(name is None or is_finite(name) for name in names):
        names = [None if name is None else format_whole(name) for name in names]  # 1.0 is 1, and 01 stays 01
        row = next((row for row, name in enumerate(names) if name is not None and not float(name).is_integer()), None)
        if row is not None:
            raise DataError(f"{title} holds {cells[row]!r} in {source.place(row)}; classes are words or whole numbers.")
    return names


def format_whole(value: float | str) -> str:
    """A number as the name of a class: 1.0 is 1, and a text of digits stays as it is."""
    number = float(value)
    if number.is_integer() and (isinstance(value, float) or not value.lstrip("+-").isdigit()):
        return str(int(number))
    return str(value)
