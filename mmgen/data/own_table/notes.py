"""Sentences on what was missing in a table, for whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError
from .numerals import ERRORS, explain_defect
from .source import Source


def missing_names(source: Source, cells: Sequence[Any], title: str) -> list[bool]:
    """Which cells of classes or groups are missing; a note says which words were taken for that: they may be names."""
    row = next((row for row, cell in enumerate(cells) if isinstance(cell, str) and cell.strip() in ERRORS), None)
    if row is not None:
        raise DataError(f"{title} holds {cells[row]!r} in {source.place(row)}, {explain_defect(cells[row].strip())}.")
    missing = [source.missing.is_missing(cell) for cell in cells]
    words = source.missing.describe_words(cells)
    if words and not source.missing.named:
        why = f"{sum(missing)} of {len(cells)} rows count as unknown, because {words} is read as a missing value"
        remedy = 'say which words mean a missing value, such as dataset.missing: ["NaN"] (an empty cell always does)'
        source.notes.append(f"{title}: {why}; where it is a name, {remedy}.")
    return missing


def note_missing(source: Source, name: str, missing: np.ndarray, unit: str = "columns", by_cell: bool = False) -> None:
    """A note on the rows without the modality ``name``, and on those that lose it to ``missing`` cells ``[N, C]``, or
    with ``by_cell`` these cells alone.
    """
    counts, wide = missing.sum(1), missing.shape[1]
    without, partial = int((counts == wide).sum()), (counts > 0) & (counts < wide)
    phrases = []
    if partial.any():
        rows, cells = f"{partial.sum()} of {len(counts)} rows", f"{counts[partial].sum()} empty cells"
        phrases.append(
            f"{rows} have {cells} among its {wide} {unit}, which alone are missing"
            if by_cell
            else f"{rows} lose it to {cells} among its {wide} {unit}"
        )
    if without:
        phrases.append(f"{without} of {len(counts)} rows have none of it")
    if phrases:
        source.notes.append(f"{name}: {', and '.join(phrases)}.")
