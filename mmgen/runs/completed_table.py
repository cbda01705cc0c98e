"""A complete table as its source has it: the source's columns in their order, those of no modality too, what was
measured as it stands there, and only gaps as they were filled.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.original import ColumnReader, Original, OriginalColumn
from ..distributions.likelihoods import CODES, Support
from ..evaluation.drawn import NUMBERS, supports_of
from .completed import Completed

CELLS_AT_ONCE = 2**18  # of a file of text, which are Python's while they are written
COLUMNS_AT_ONCE = 2048  # that are read as numbers
WHOLE = ("counts", "binary")  # values that are whole where they were measured
IMPUTED = "imputed"
QUANTILE = "q"  # with what the names of quantiles begin
Cell = tuple[str, int]  # a modality, and the place among its values


@dataclass(frozen=True)
class Column:
    """A column of the complete table: of the source, of a modality, or of both."""

    name: str
    original: OriginalColumn | None
    cell: Cell | None


class CompletedTable:
    """A complete table of ``N`` rows.

    Args:
        about: Number and id of each row, by the name of the column.
        modalities: The values of each modality.
        original: The columns of the source of the rows; None where it has none.
        mask: Whether columns ``NAME_imputed`` of 0 and 1 are wanted.
    """

    def __init__(
        self,
        about: Mapping[str, np.ndarray],
        modalities: Sequence[Completed],
        original: Original | None,
        mask: bool = False,
    ) -> None:
        self._about, self._mask = about, mask
        self._parts = {completed.name: completed for completed in modalities}
        self._original = original or Original(())
        self._rows = np.asarray(about["row"])
        self._gaps = {name: completed.filled | completed.empty for name, completed in self._parts.items()}
        self._supports = {name: supports_of(completed.modality) for name, completed in self._parts.items()}
        self._taken: set[str] = {*self._about}
        self._whole_quantiles: list[str] = []  # columns of the frame
        self._columns = self._arranged()

    def _arranged(self) -> list[Column]:
        """Those of the source in its order, then what it lacks."""
        columns = []
        for each in self._original.columns:
            cell = each.cell if each.cell is not None and each.cell[0] in self._parts else None  # else a path, such as
            columns.append(Column(self._free(each.name, cell), each, cell))  # of pictures
        there = {column.cell for column in columns}
        for name, completed in self._parts.items():
            for place, value in enumerate(completed.modality.value_names(name)):
                if (name, place) not in there:
                    columns.append(Column(self._free(value, (name, place)), None, (name, place)))
        return columns

    def _free(self, name: str, cell: Cell | None = None) -> str:
        """A name that no column has yet: with that of the modality before it, or a line behind it."""
        name = f"{cell[0]}_{name}" if name in self._taken and cell is not None else name
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    # Values -----------------------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """A line per row: ``row``, its names, the table, uncertainties and masks; a column without a gap has the type
        that it has in the source.
        """
        values: dict[str, Any] = dict(self._about)
        for id_column in self._original.ids:
            if not _is_text(id_column.reader):
                values[id_column.name] = id_column.reader.typed([id_column.key])[id_column.key].to_numpy()[self._rows]
        values |= dict.fromkeys(column.name for column in self._columns)
        for completed in self._parts.values():
            values |= self._values_of(completed)
        for reader, columns in _by_reader(column for column in self._columns if column.cell is None):
            typed = reader.typed([_key(column) for column in columns]).take(self._rows)
            values |= {column.name: typed[_key(column)].array for column in columns}
        return pd.DataFrame(values | self._more())

    def _values_of(self, completed: Completed) -> dict[str, Any]:
        """The columns of a modality."""
        columns = sorted(
            (column for column in self._columns if column.cell and column.cell[0] == completed.name),
            key=lambda column: column.cell or ("", 0),
        )
        coded = [self._support(column) in CODES for column in columns]
        gaps = self._gaps[completed.name]
        numbers = np.full(gaps.shape, np.nan)
        of_numbers = [column for column, code in zip(columns, coded, strict=True) if not code]
        for reader, some in _by_reader(of_numbers):
            for start in range(0, len(some), COLUMNS_AT_ONCE):
                part = some[start : start + COLUMNS_AT_ONCE]
                read = reader.numbers([_key(column) for column in part], "impute", True)
                numbers[:, [_place(column) for column in part]] = read[self._rows]
        unread = gaps | np.isnan(numbers)
        rows = np.flatnonzero(unread.any(1))
        filled = list(completed.select(rows).columns(unread[rows]).values())
        found: dict[str, Any] = {}
        for column, code in zip(columns, coded, strict=True):
            place = _place(column)
            if not code:
                lacking = unread[rows, place]
                numbers[rows[lacking], place] = filled[place][lacking]
                found[column.name] = numbers[:, place]
            elif column.original is None:
                found[column.name] = filled[place]  # of all rows: no code was read as a number
        for reader, some in _by_reader(column for column, code in zip(columns, coded, strict=True) if code):
            typed = reader.typed([_key(column) for column in some]).take(self._rows)
            for column in some:
                found[column.name] = _with_filled(typed[_key(column)], gaps[:, _place(column)], filled[_place(column)])
        for reader, some in _by_reader(column for column in of_numbers if not gaps[:, _place(column)].any()):
            if not _is_text(reader):
                typed = reader.typed([_key(column) for column in some]).take(self._rows)
                found |= {column.name: typed[_key(column)].array for column in some}
        return found

    def _more(self) -> dict[str, np.ndarray]:
        """``NAME_sd``, ``NAME_q05`` and ``NAME_q95`` of numbers where these were wanted; ``NAME_imputed`` where it
        was.
        """
        found = {}
        order = {name: place for place, name in enumerate(self._parts)}
        by_modality = sorted(
            (column for column in self._columns if column.cell),
            key=lambda column: order[column.cell[0] if column.cell else ""],
        )
        for column in by_modality:
            completed, place = self._parts[column.cell[0] if column.cell else ""], _place(column)
            if self._support(column) in NUMBERS:
                for statistic, values in completed.statistics.items():
                    name = self._free(f"{column.name}_{statistic}")
                    found[name] = values[:, place]
                    if statistic.startswith(QUANTILE) and self._is_whole(column):
                        self._whole_quantiles.append(name)
            if self._mask:
                found[self._free(f"{column.name}_{IMPUTED}")] = completed.filled[:, place].astype(np.int8)
        return found

    # Text -------------------------------------------------------------------------------------------------------------

    def write_text(self, path: Path) -> None:
        """Write a file of text, with the separator and the decimal sign of a source of text: what was measured, and
        what is of no modality, letter by letter as it stands there; counts, their quantiles, and answers without a
        point where they are whole.
        """
        frame = self.frame()
        places = {name: place for place, name in enumerate(frame.columns)}
        written = [
            (
                reader,
                [_key(column) for column in columns],
                [places[column.name] for column in columns],
                np.stack([self._gaps_of(column) for column in columns], 1),
            )
            for reader, columns in _by_reader(self._columns)
            if _is_text(reader)
        ]
        whole = [column.name for column in self._columns if self._is_whole(column)] + self._whole_quantiles
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self._original.separator, lineterminator="\n")
            writer.writerow(frame.columns)
            size = max(1, CELLS_AT_ONCE // frame.shape[1])
            for start in range(0, len(frame), size):
                block = slice(start, start + size)
                cells = _without_points(frame.iloc[block], [places[name] for name in whole], self._original.decimal)
                for reader, keys, at, gaps in written:
                    words = reader.written(keys, self._rows[block])
                    assert words is not None
                    cells[:, at] = np.where(gaps[block], cells[:, at], words)
                writer.writerows(cells.tolist())

    def _gaps_of(self, column: Column) -> np.ndarray:
        """Which cells of a column do not stand in the source as they are written, ``[N]``."""
        if column.cell is None:
            return np.zeros(len(self._rows), dtype=bool)
        name, place = column.cell
        return self._gaps[name][:, place]

    def _is_whole(self, column: Column) -> bool:
        return column.cell is not None and self._support(column) in WHOLE

    def _support(self, column: Column) -> Support:
        assert column.cell is not None
        name, place = column.cell
        supports = self._supports[name]
        return supports[place % len(supports)]


def _by_reader(columns: Iterator[Column] | Sequence[Column]) -> list[tuple[ColumnReader, list[Column]]]:
    """Columns of the source, by what reads them."""
    groups: dict[int, tuple[ColumnReader, list[Column]]] = {}
    for column in columns:
        if column.original is not None:
            reader = column.original.reader
            groups.setdefault(id(reader), (reader, []))[1].append(column)
    return list(groups.values())


def _key(column: Column) -> str:
    assert column.original is not None
    return column.original.key


def _place(column: Column) -> int:
    assert column.cell is not None
    return column.cell[1]


def _is_text(reader: ColumnReader) -> bool:
    return reader.written([], np.zeros(0, dtype=np.int64)) is not None


def _with_filled(values: pd.Series, gaps: np.ndarray, filled: np.ndarray) -> Any:
    """Categories and texts as the source has them, with those that were filled, and of the same type where they can be:
    numbers where the source has numbers.
    """
    if not gaps.any():
        return values.array
    cells = values.astype(object).to_numpy(copy=True)
    named = {str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell): cell for cell in cells[~gaps]}
    cells[gaps] = [named.get(cell, cell) for cell in filled[gaps]]
    kinds = {type(cell) for cell in cells if cell is not None}
    return pd.array(cells.tolist()) if len(kinds) == 1 and kinds <= {int, bool} else _of_one_type(cells, kinds)


def _of_one_type(cells: np.ndarray, kinds: set[type]) -> np.ndarray:
    if len(kinds) > 1 and str in kinds:
        return np.array([None if cell is None else str(cell) for cell in cells], dtype=object)
    return cells


def _without_points(frame: pd.DataFrame, whole: Sequence[int], decimal: str) -> np.ndarray:
    """The cells of some rows as they are written, ``[R, C]``: nothing where nothing is."""
    cells = frame.to_numpy(dtype=object, copy=True)
    empty = frame.isna().to_numpy()
    if whole:
        numbers = frame.iloc[:, list(whole)].to_numpy(dtype=np.float64, na_value=np.nan)
        rows, at = np.nonzero(numbers == np.floor(numbers))
        cells[rows, np.asarray(whole)[at]] = numbers[rows, at].astype(np.int64).astype(object)
    if decimal != ".":
        for place in np.flatnonzero([kind.kind == "f" for kind in frame.dtypes]):
            cells[:, place] = [str(cell).replace(".", decimal) for cell in cells[:, place]]
    cells[empty] = ""
    return cells
