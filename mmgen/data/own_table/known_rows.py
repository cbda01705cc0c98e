"""One's own table as a run reads it: its columns by name, its rows by what they are called or hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from torch import Tensor

from ...errors import DataError, listed
from ..identity import Identity, word_keys
from ..modalities import CountsModality, LabelsModality, TagsModality, TextModality, VectorModality
from ..modality import Modality
from ..recognition import NEW, Recognised, Sides
from ..schema import Schema
from ..sides import SIDES
from ..table import Table
from .request import Values
from .source import FIRST, Source
from .sparse_numbers import absent_everywhere
from .table_modality import TableModality

ROW_NAME_COLUMNS = (
    "obs_names",
    "id",
    "ID",
    "Id",
    "sample_id",
    "sample",
    "index",
    "",
)  # columns that are taken for names where each value is another


def match_run_columns(
    description: TableModality, run_modality: Modality, source: Source, modality: str, reserved: Collection[str] = ()
) -> tuple[str, ...]:
    """The columns (or the array) of a modality of a run in another file, in the run's order.

    There are none where the file has none of them. Where it has some, and single cells of the modality may be missing,
    the names of the others are among them too.

    Raises:
        DataError: Some of the columns are there and others are not, and a row has all of them or none.
    """
    if description.array is not None:
        return (description.array,) if description.array in source.position else ()
    matching = _matching(description, source, reserved)
    names = run_modality.columns or matching  # a kind with several values in one column, such as a text, keeps no names
    absent = [name for name in names if name not in source.position]
    if len(absent) == len(names):
        source.notes.append(f"No column of {modality!r} is in {source.title}, so every row lacks it.")
        return ()
    if absent and run_modality.missing == "cell":
        source.notes.append(
            f"{source.title} lacks {listed(absent)} of the {len(names)} columns that the run has of {modality!r}; "
            "their cells are missing in every row."
        )
    elif absent:
        raise DataError(
            f"{source.title} lacks {listed(absent)} of the {len(names)} columns that the run has of {modality!r}; "
            "give it all of them (empty, or NaN, where nothing was measured), or none."
        )
    surplus = set(matching) - set(names)
    if surplus:
        passed_over = listed(sorted(surplus))
        source.notes.append(
            f"{source.title} has columns that the run does not have of {modality}, and that are passed over: "
            f"{passed_over}."
        )
    return names


def _matching(description: TableModality, source: Source, reserved: Collection[str]) -> tuple[str, ...]:
    """The columns that a description means; none where one of its names or patterns means none."""
    try:
        return source.match_names(description.columns, "", reserved)
    except DataError:
        return ()


def add_absent_modalities(blocks: dict[str, Values], schema: Schema, source: Source) -> dict[str, Values]:
    """The run's modalities in its order; one that the file does not have is missing in every row."""
    if not blocks:
        raise DataError(f"{source.title} has nothing of the run's modalities, {listed(schema.modalities)}.")
    count = len(next(iter(blocks.values())).available)
    complete = {}
    for name, modality in schema.modalities.items():
        if name in blocks:
            complete[name] = blocks[name]
            continue
        if isinstance(modality, CountsModality | TagsModality | VectorModality):
            complete[name] = absent_everywhere(modality, count)
            continue
        codes = isinstance(modality, LabelsModality | TextModality)
        zeros = np.zeros((count, *modality.shape), dtype=np.int32 if codes else np.float32)
        complete[name] = Values(modality, zeros, np.zeros(count, dtype=bool))
    return complete


def read_row_names(columns: Sequence[str], source: Source, used: Collection[str]) -> dict[str, np.ndarray]:
    """By what rows are called: the values of the ``columns``, or of one whose name and values look like names; nothing
    where there is none.

    Raises:
        DataError: A column that is not there, a row without a name, or two rows of one name.
    """
    if not columns:
        return _guess_row_names(source, used)
    for name in columns:
        source.require(name, "dataset.id")
    found = read_origins(columns, source)
    words = Identity.join_ids(found)
    title = " and ".join(map(repr, columns))
    first: dict[str, int] = {}
    for row, word in enumerate(words.tolist()):
        if not word.strip("/"):
            raise DataError(
                f"dataset.id: {title} of {source.title} is empty in row {row} ({FIRST}); every row needs a name."
            )
        if first.setdefault(word, row) != row:
            raise DataError(
                f"dataset.id: {title} of {source.title} holds {word!r} in rows {first[word]} and {row} ({FIRST}); "
                "an id names one row (rows of one subject are a group)."
            )
    return found


def read_origins(columns: Sequence[str], source: Source) -> dict[str, np.ndarray]:
    """Columns of words that say where rows are from, and name none of them."""
    return {name: np.array([name_word(cell) for cell in source.cells(name)], dtype=object) for name in columns}


def _guess_row_names(source: Source, used: Collection[str]) -> dict[str, np.ndarray]:
    for name in ROW_NAME_COLUMNS:
        if source.kind == "columns" and name in source.position and name not in used:
            words = [name_word(cell) for cell in source.cells(name)]
            if all(words) and len(set(words)) == len(words):
                return {name or "id": np.array(words, dtype=object)}
    return {}


def name_word(cell: object) -> str:
    """A cell of names as a word; 3.0 is 3, as a table with an empty cell below would have it."""
    if cell is None or cell != cell:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def group_keys(groups: Sequence[str]) -> Tensor:
    """A key for the name of every row's group; 0 for a row that is a group of its own."""
    return word_keys(name if name.startswith("group ") else "" for name in groups)


def sides_of_rows(codes: np.ndarray) -> dict[str, np.ndarray]:
    """Row numbers by side, as they were when a run was trained; ``new`` has those that were on none, if there are
    any.
    """
    sides = {side: np.flatnonzero(codes == code) for code, side in enumerate(SIDES)}
    new = np.flatnonzero(codes == NEW)
    return {**sides, "new": new} if len(new) else sides


def row_notes(run_sides: Sides, table: Table, found: Recognised, title: str) -> tuple[str, ...]:
    """What is gone from a file, and how many of its rows are none of the run's, in sentences."""
    assert table.identity is not None
    if not len(run_sides.side):
        return ("The run does not know which rows it was trained on, so all of these count as new (split new).",)
    new, mixed = int((found.side == NEW).sum()), int(found.mixed.sum())
    if new == len(table):
        return (f"None of the {new} rows of {title} is one of the run's (split new).",)
    by_name = run_sides.ids is not None and table.identity.ids is not None
    lost = int((~found.present[(run_sides.side < SIDES.index("test")).numpy()]).sum())
    notes = []
    if new:
        notes.append(f"{new} of the {len(table)} rows of {title} are none of the run's (split new).")
    if mixed:
        notes.append(
            f"{mixed} of the {len(table)} rows of {title} have modalities of rows of several sides of the run; they "
            "count as training rows where one of these is, else as validation rows."
        )
    if lost:
        edited = "" if by_name or not new else "; without names of rows (dataset.id) an edited row counts as a new one"
        notes.append(f"{lost} of the rows that the run was trained on or chosen by are not in {title}{edited}.")
    return tuple(notes)
