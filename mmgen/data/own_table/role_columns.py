"""Labels, groups and sides of one's own table: the columns that are no modality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError, listed
from .class_names import format_whole, parse_class_names, sort_names
from .notes import missing_names
from .source import Source

SIDE_CODES = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}


def read_class_codes(
    name: str, source: Source, where: str, run_classes: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The code of each row's class (−1 where it has none), and the classes.

    Numbers are in the order of their size and words in that of letters; a run has its own order. ``where`` is the
    option that wants them.
    """
    title = f"{where}: {name!r} of {source.title}"
    names = parse_class_names(source, source.cells(name), title)
    classes = sort_names(name for name in names if name is not None) if run_classes is None else tuple(run_classes)
    if not classes:
        raise DataError(f"{title} has no value at all; fill it, or leave it out.")
    if (without := names.count(None)) and not any(title in note for note in source.notes):
        source.notes.append(f"{title}: {without} of {len(names)} rows have none.")
    code = {word: i for i, word in enumerate(classes)}
    foreign = sorted({word for word in names if word is not None and word not in code})
    if foreign:
        what = "Labels" if where == "dataset.label" else f"Classes of the covariate {name!r}"
        source.notes.append(f"{what} that the run does not know count as unknown: {listed(foreign)}.")
    return np.array([-1 if word is None else code.get(word, -1) for word in names], dtype=np.int64), classes


def read_group_names(name: str, source: Source) -> list[str]:
    """The name of each row's group after "group"; a row without one is a group of its own, "alone" and its number."""
    cells = source.cells(name)
    missing = missing_names(source, cells, f"dataset.group: {name!r} of {source.title}")
    return [
        f"alone {row}" if is_gap else f"group {_format_group(cell)}"
        for row, (cell, is_gap) in enumerate(zip(cells, missing))
    ]


def _format_group(cell: Any) -> str:
    return format_whole(cell) if isinstance(cell, float) else str(cell)


def read_side_codes(name: str, source: Source, groups: np.ndarray | None) -> np.ndarray:
    """0, 1 or 2 for training, validation and testing; a group on two sides is an error."""
    cells = source.cells(name)
    for row, cell in enumerate(cells):
        if str(cell).strip().lower() not in SIDE_CODES:
            raise DataError(
                f"dataset.split: {name!r} of {source.title} holds {cell!r} in {source.place(row)}, and not train, "
                "val or test."
            )
    sides = np.array([SIDE_CODES[str(cell).strip().lower()] for cell in cells])
    if groups is not None:
        smallest, largest = np.full(groups.max() + 1, 2), np.zeros(groups.max() + 1, dtype=int)
        np.minimum.at(smallest, groups, sides)
        np.maximum.at(largest, groups, sides)
        torn = np.flatnonzero((smallest != largest)[groups])
        if len(torn):
            raise DataError(
                f"dataset.split: {name!r} of {source.title} puts the group of {source.place(torn[0])} on two sides; "
                "leave split or group out."
            )
    return sides
