"""The table of trials of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmgen import DataError
from mmgen.errors import alternatives

from .options import NwbOptions


def read_trials(file: Any, options: NwbOptions, title: str) -> tuple[dict[str, list[Any]], np.ndarray, int]:
    """The trials that have a time 0: their columns of single values, the edges of their bins, and how many have none.

    Args:
        file: The ``NWBFile`` of pynwb, open.
        options: Which table, and which of its columns is the time 0.
        title: The file's name, for messages.

    Raises:
        DataError: A table or a column that is not there, or has no times.
    """
    wanted, align = options.trials, options.align
    tables = {} if file.intervals is None else dict(file.intervals)
    named = {"trials": file.trials, "epochs": file.epochs}
    tables |= {name: table for name, table in named.items() if table is not None}
    if wanted not in tables:
        known = alternatives(wanted, tables) if tables else "none."
        raise DataError(f"dataset.format.trials: {title} has no table {wanted!r}; its tables of intervals are {known}")
    columns = _single_values(tables[wanted])
    if align not in columns:
        raise DataError(
            f"dataset.format.align: the {wanted} of {title} have no column {align!r}; their columns are "
            f"{alternatives(align, columns)}"
        )
    try:
        times = np.array([np.nan if cell is None else float(cell) for cell in columns[align]])
    except (TypeError, ValueError) as error:
        raise DataError(f"dataset.format.align: {align!r} of {title} holds no times in seconds.") from error
    kept = np.flatnonzero(np.isfinite(times))
    if len(kept) == 0:
        raise DataError(f"No row of the {wanted} of {title} has a time in {align!r}.")
    columns = {name: [cells[row] for row in kept] for name, cells in columns.items()}
    return columns, options.edges(times[kept]), len(times) - len(kept)


def _single_values(table: Any) -> dict[str, list[Any]]:
    """The columns of a table with a number, a truth value or a word in each row, and ``id``; others are passed over."""
    columns: dict[str, list[Any]] = {"id": np.asarray(table.id[:]).tolist()}
    for name in table.colnames:
        if type(table[name]).__name__ != "VectorData":  # lists of several values, or references
            continue
        values = np.asarray(table[name].data[:])
        if values.ndim == 1 and values.dtype.kind in "biufUSO":
            columns[name] = [as_python(cell) for cell in values.tolist()]
    return columns


def as_python(cell: Any) -> Any:
    """A cell of an HDF5 file; words are bytes in some."""
    return cell.decode("utf-8") if isinstance(cell, bytes) else cell
