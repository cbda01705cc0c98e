"""What points of a scatter can be coloured by, as the page's script reads it: as many columns as there is room for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmgen.data import Table
from mmgen.errors import MmgenError
from mmgen.evaluation import Evaluation
from mmgen.evaluation.row_columns import (
    RowColumn,
    chosen_columns,
    columns_of_modality,
    columns_of_rows,
    has_columns,
)

MOST_COLUMNS = 60  # of one run
MOST_CELLS = 60_000  # of one run: rows times columns
MOST_CLASSES = 30  # a column of more categories, or groups, has no colours


class AskedColumns:
    """Columns to colour by, of which every run takes those that its data have.

    Args:
        names: What they are called.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = tuple(names)
        self._missing: dict[str, MmgenError] = {}
        self._found: set[str] = set()

    def of(self, evaluation: Evaluation, table: Table) -> list[RowColumn]:
        """Those of a run."""
        columns = []
        for name in self._names:
            try:
                columns += chosen_columns(evaluation, table, [name])
                self._found.add(name)
            except MmgenError as error:
                self._missing[name] = error
        return columns

    def check(self) -> None:
        """Refuse a name that no run has."""
        for name, error in self._missing.items():
            if name not in self._found:
                raise error


def point_colours(
    evaluation: Evaluation, table: Table, first: Sequence[RowColumn] = ()
) -> tuple[list[dict[str, Any]], int]:
    """Columns of the rows of a table, and how many more there are that have no room.

    Each has a ``name``, what it is ``of`` (a modality, or the rows), and either ``classes`` and ``codes`` (−1: unknown)
    or ``numbers`` (None: unknown), in units of the source. Those that are asked for come ``first``, then groups and
    covariates, then the columns of the modalities by turns, so that each of them has some.
    """
    rounds = itertools.zip_longest(*(columns_of_modality(evaluation, table, name) for name in evaluation.names))
    turns = (column for columns in rounds for column in columns if column is not None)
    asked = {(column.of, column.name) for column in first}
    others = (
        column
        for column in itertools.chain(columns_of_rows(evaluation, table), turns)
        if (column.of, column.name) not in asked and len(column.classes or ()) <= MOST_CLASSES
    )
    most = max(min(MOST_COLUMNS, MOST_CELLS // max(len(table), 1)), len(first), 1)
    columns = list(itertools.islice(itertools.chain(first, others), most))
    places = {name: place for place, name in enumerate(evaluation.names)}
    columns.sort(key=lambda column: places.get(column.of, -1))
    return [_readable(column) for column in columns], max(0, _count(evaluation, table) - len(columns))


def _count(evaluation: Evaluation, table: Table) -> int:
    """How many there are altogether."""
    modalities = evaluation.model.modalities.values()
    of_rows = sum(len(column.classes or ()) <= MOST_CLASSES for column in columns_of_rows(evaluation, table))
    return of_rows + sum(math.prod(modality.shape) for modality in modalities if has_columns(modality))


def _readable(column: RowColumn) -> dict[str, Any]:
    said: dict[str, Any] = {"name": column.name, "of": column.of}
    if column.classes is not None:
        return {**said, "classes": list(column.classes), "codes": column.values.tolist()}
    return {**said, "numbers": _short(column.values)}


def _short(values: np.ndarray) -> list[float | None]:
    """With the digits that a colour can show."""
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in values.tolist()]
