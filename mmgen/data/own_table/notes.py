"""Sentences on what was missing in a table, for whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError
from .numerals import ERRORS, why_not
from .source import FIRST, Source


def missing_names(source: Source, cells: Sequence[Any], what: str) -> list[bool]:
    """Which cells of classes or groups are missing; a note says which words were taken for that: they may be names."""
    row = next((row for row, cell in enumerate(cells) if isinstance(cell, str) and cell.strip() in ERRORS), None)
    if row is not None:
        raise DataError(f"{what} holds {cells[row]!r} in row {row} ({FIRST}), {why_not(cells[row].strip())}.")
    missing = [source.unknown.cell(cell) for cell in cells]
    words = source.unknown.in_words(cells)
    if words and not source.unknown.named:
        why = f"{sum(missing)} of {len(cells)} rows count as unknown, because {words} is read as a missing value"
        remedy = 'say which words mean a missing value, such as dataset.missing: ["NaN"] (an empty cell always does)'
        source.notes.append(f"{what}: {why}; where it is a name, {remedy}.")
    return missing


def note_missing(source: Source, name: str, missing: np.ndarray, what: str = "columns") -> None:
    """A note on the rows without the modality ``name``, and on those that single ``missing`` cells ``[N, C]`` cost
    it.
    """
    counts, wide = missing.sum(1), missing.shape[1]
    none, some = int((counts == wide).sum()), (counts > 0) & (counts < wide)
    parts = []
    if some.any():
        cells = f"{counts[some].sum()} empty cells among its {wide} {what}"
        parts.append(f"{some.sum()} of {len(counts)} rows lose it to {cells}")
    if none:
        parts.append(f"{none} of {len(counts)} rows have none of it")
    if parts:
        source.notes.append(f"{name}: {', and '.join(parts)}.")
