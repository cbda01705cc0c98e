"""Which name belongs to which column of a text file, where programs write more or fewer names than cells."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...errors import DataError
from .cell_store import CellStore
from .numerals import is_finite
from .source import FIRST
from .text_rows import Record


def fit_header(header: Record, first: Record, store: CellStore, path: Path) -> tuple[dict[str, int], list[str]]:
    """The place of each named column among the cells, and sentences on what was left out or made up.

    The names of rows, as R and pandas write them in front of the first named column, are a column called "".
    """
    names, notes = _match_names_to_cells(header, first, store, path)
    empty = [index for index, name in enumerate(names) if not name and (index or store.first_filled(index) is None)]
    for index in empty:
        row = store.first_filled(index)
        if row is not None:
            raise DataError(
                f"Column {index + 1} of {path} has no name, and holds {store.column(index)[row]!r} in row {row} "
                f"({FIRST}); name it in the header, or empty it."
            )
    if empty:
        notes.append(f"{path.name}: {len(empty)} columns without a name hold nothing, and are left out.")
    places = [index for index in range(store.width) if index not in empty]
    twice = next((name for name, times in Counter(names[index] for index in places).items() if times > 1), None)
    if twice is not None:
        raise DataError(f"The header of {path} has the column {twice!r} twice; a column needs a name of its own.")
    return {names[index]: index for index in places}, notes


def _match_names_to_cells(header: Record, first: Record, store: CellStore, path: Path) -> tuple[list[str], list[str]]:
    """A name for each cell of a row, empty where there is none."""
    names, surplus = header.cells, store.width - len(header.cells)
    if surplus > 0 and all(store.first_filled(index) is None for index in range(len(names), store.width)):
        return [*names, *[""] * surplus], []
    if surplus < 0 and not any(names[surplus:]):
        return names[:surplus], [f"{path.name}: {-surplus} names at the end of its header are empty, and are left out."]
    if surplus == 1 and _names_rows(names, first, store):
        note = f"{path.name}: the first cell of each row is its name; the header has none for it, as R writes it."
        return ["", *names], [note]
    if surplus:
        hint = "the file is truncated, or a cell with a separator in it lacks its quotation marks"
        if len(names) == 1:
            hint = f"where line {header.line} is a title or a comment, delete it; otherwise " + hint
        elif surplus == 1:
            hint = "where the first is the name of the row, give it a name in the header; otherwise " + hint
        counts = f"has {store.width} cells, and its header has {len(names)}"
        raise DataError(f"Line {first.line} of {path} {counts}; {hint}.")
    return names, []


def _names_rows(names: list[str], first: Record, store: CellStore) -> bool:
    """Whether the first cells are names: all different, and in quotation marks or not all of them numbers.

    Numbers without marks could as well be the first column of a file whose cells have unmarked separators in them, and
    a single name a title.
    """
    cells = store.column(0)
    return len(set(cells)) == len(cells) and (first.quoted or (len(names) > 1 and not all(map(is_finite, cells))))
