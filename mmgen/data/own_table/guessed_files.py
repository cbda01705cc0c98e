"""What the values of a modality in a file are, where its description does not say it: their names and their kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from ...errors import DataError, listed
from ..modality import Modality
from .guessed_kinds import guess_kind
from .numerals import TRUTHS
from .source import Source
from .table_modality import NAMED, TableModality


def guess_place(
    modality: str, description: TableModality, part: Source, reserved: Collection[str], known: Modality | None
) -> TableModality:
    """The description with its columns, or its array, where it names none: of a file of its own, or for a run, all
    columns that are nothing else, and of arrays the one that has several values per row, or all of single values.

    Raises:
        DataError: Several arrays, of which none has the modality's name; nothing that says which of a common file.
    """
    if description.has_place:
        return description
    if known is None and getattr(description, "path", None) is None:
        raise DataError(f"dataset.modalities.{modality}: {NAMED}.")
    if part.kind == "columns":
        return description.model_copy(update={"columns": ("*",)})
    names = [name for name in part.names if name not in reserved and not name.endswith("_available")]
    if modality in names:
        return description.model_copy(update={"array": modality})
    wide = [name for name in names if part.sparse(name) is not None or part.array(name)[0].ndim > 1]
    if len(wide) == 1:
        return description.model_copy(update={"array": wide[0]})
    if not wide and names:
        return description.model_copy(update={"columns": tuple(names)})
    if known is not None:
        return description.model_copy(update={"array": modality})
    found = f"the arrays {listed(wide)}" if wide else "no array of values"
    raise DataError(
        f"dataset.modalities.{modality}: {part.title} has {found}; say which is meant, such as array: genes."
    )


def guess_kind_in_file(modality: str, part: Source, names: Sequence[str], is_array: bool) -> str:
    """The kind of a modality, by the rules of data in memory."""
    where = f"dataset.modalities.{modality}"
    given = part.sparse(names[0]) if is_array else part.sparse_columns(names)
    if given is not None:
        return guess_kind(where, given[0])
    if is_array:
        values, available = part.array(names[0])
        return guess_kind(where, values[available])
    try:
        return guess_kind(where, _frame_of_numbers(part, names))
    except DataError:
        return guess_kind(where, pd.DataFrame({name: _column(part, name) for name in names}))


def _frame_of_numbers(part: Source, names: Sequence[str]) -> pd.DataFrame:
    """Columns of numbers; beside others with fractions, whole ones that are written so have a type of their own."""
    values = part.numbers(names, "a guess")
    frame = pd.DataFrame(values, columns=list(names))
    whole = (np.isnan(values) | (values == np.floor(values))).all(0)
    if whole.all():
        return frame
    for name in frame.columns[whole]:
        cells = [cell for cell in part.cells(name) if not part.missing.is_missing(cell)]
        if cells and all(
            isinstance(cell, int) or (isinstance(cell, str) and cell.strip().lstrip("+-").isdigit()) for cell in cells
        ):
            frame[name] = frame[name].astype("Int64")
    return frame


def _column(part: Source, name: str) -> pd.Series:
    """Numbers, truths, or words."""
    try:
        return _frame_of_numbers(part, [name])[name]
    except DataError:
        cells = [None if part.missing.is_missing(cell) else cell for cell in part.cells(name)]
    truths = [TRUTHS.get(cell.strip()) if isinstance(cell, str) else cell for cell in cells]
    if all(cell is None or isinstance(cell, bool) or value is not None for cell, value in zip(cells, truths)):
        return pd.Series([None if value is None else bool(value) for value in truths], name=name, dtype=object)
    return pd.Series(cells, name=name, dtype=object)
