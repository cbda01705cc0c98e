"""Text files of cells: CSV and its relatives, split by the standard library.

Not by pandas or Arrow, which let a row with one cell too many shift by a column, fill up a truncated row, or make ``1``
of ``01``; numbers are made by Arrow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...errors import DataError
from .cell_store import CellStore
from .dialect import Reading, detect
from .file_source import FileSource
from .header import fit_header
from .numerals import TRUTHS, NumberError, parse_numbers
from .text_rows import Dialect, Record, records

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[+-]?0[0-9]")  # such as 00012, which as a number is another name


class CsvColumns(FileSource):
    """A text file with a header, usually with commas between its cells; cells are the text that stands in it."""

    is_text = True

    def __init__(self, path: Path, settings: Reading) -> None:
        try:
            dialect, notes = detect(path, settings)
            header, first, store, left_out = _read(path, dialect)
        except UnicodeDecodeError as error:
            raise DataError(_decoding_error(path, settings.encoding)) from error
        except LookupError as error:
            message = f"there is no encoding {settings.encoding!r}; name one such as latin-1"
            raise DataError(f"dataset.encoding: {message}.") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        places, changes = fit_header(header, first, store, path)
        super().__init__(path.name, list(places))
        self.count, self.notes = store.count, [*notes, *left_out, *changes]
        self.separator, self.decimal = dialect.separator, dialect.decimal
        self._store, self._place = store, places

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read the header and the text of every row, of which numbers are made when they are asked for."""
        return cls(path, reading)

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of two numbers and a word."""
        return _write_toy(folder / "toy.csv", ",")

    def cells(self, name: str) -> list[Any]:
        """The text of every cell of a column."""
        return self._store.column(self._place[name])

    def _block(self, names: Sequence[str], where: str, truths: bool) -> np.ndarray:
        values, row = np.empty((self.count, len(names))), 0
        for texts in self._store.blocks([self._place[name] for name in names]):
            try:
                block = parse_numbers(texts, self.missing.words, self.decimal, TRUTHS if truths else {})
            except NumberError as error:
                at, column = divmod(error.index or 0, len(names))
                raise self.number_error(
                    names[column], where, NumberError(error.reason, row + at, error.cell)
                ) from error
            rows = len(block) // len(names)
            values[row : row + rows] = block.reshape(rows, len(names))
            row += rows
        return values

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """Numbers of columns in which nothing else stands, and no number begins with a zero, as names do; texts of
        others.
        """
        import pandas as pd

        columns = {}
        for name in names:
            cells = self.cells(name)
            try:
                values = None if any(map(_NAME.match, cells)) else self._block([name], "", False)[:, 0]
            except DataError:
                values = None
            if values is None:
                columns[name] = pd.Series([cell or None for cell in cells], dtype=object)
            else:
                whole = all(cell.lstrip("+-").isdigit() for cell in cells)
                columns[name] = pd.Series(values.astype(np.int64) if whole else values)
        return pd.DataFrame(columns)

    def written(self, names: Sequence[str], rows: np.ndarray) -> np.ndarray | None:
        """The cells as they stand in the file."""
        return self._store.rows(rows, [self._place[name] for name in names])

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Never: a CSV has none."""
        raise DataError(f"{self.title} holds columns, and no array {name!r}; write columns: instead of array:.")


class TsvColumns(CsvColumns):
    """A text file with a header, usually with tabs between its cells."""

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of two numbers and a word."""
        return _write_toy(folder / "toy.tsv", "\t")


class TxtColumns(CsvColumns):
    """A text file with a header, with tabs or blanks between its cells, as R writes it."""

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of two numbers and a word."""
        return _write_toy(folder / "toy.txt", " ")


def _write_toy(path: Path, separator: str) -> Path:
    rows = [("weight", "height", "site"), *((f"{row / 4}", f"{row - 3}", "north") for row in range(8))]
    path.write_text("".join(f"{separator.join(row)}\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path, dialect: Dialect) -> tuple[Record, Record, CellStore, list[str]]:
    """The header, the first row, all rows, and sentences on the lines that are none.

    Every row must have as many cells as the first.
    """
    header: Record | None = None
    first: Record | None = None
    store, blanks = CellStore(), 0
    empty: list[Record] = []  # rows without a cell that says anything: they count where others follow
    with path.open(newline="", encoding=dialect.encoding) as file:
        for record in records(file, dialect, path):
            if header is None:
                header = record if any(record.cells) else None
                continue
            if not any(record.cells):
                empty.append(record)
                continue
            first = first or record
            for row in (*empty, record):
                if len(row.cells) == len(first.cells):
                    store.append(row.cells)
                elif any(row.cells) or len(row.cells) > 1:
                    raise DataError(_width_error(path, row, header, first))
                else:
                    blanks += 1
            empty = []
    if header is None:
        raise DataError(f"{path} is empty; its first line should name the columns.")
    if first is None:
        raise DataError(f"{path} has a header and no rows.")
    store.close()
    trailing = sum(len(row.cells) > 1 for row in empty)
    notes = []
    if blanks:
        notes.append(f"{path.name}: {blanks} blank lines between its rows are passed over, and not counted as rows.")
    if trailing:
        notes.append(f"{path.name}: its last {trailing} lines hold nothing but separators, and are left out.")
    return header, first, store, notes


def _width_error(path: Path, row: Record, header: Record, first: Record) -> str:
    """The sentence on the first row that differs from the header, or from the first row where that differs already."""
    if len(row.cells) == len(header.cells):
        row = first
    by_header = row is first or len(first.cells) == len(header.cells)
    place, reference = ("its header", header) if by_header else (f"line {first.line}", first)
    hint = "the file is truncated, or a cell with a separator in it lacks its quotation marks"
    if row.cells[0].startswith("#"):
        hint = 'where it is a comment, say comment: "#"'
    elif len(header.cells) == 1:
        hint = f"where line {header.line} is a title, delete it, and where the separator is another one, say separator"
    return f"Line {row.line} of {path} has {len(row.cells)} cells, and {place} has {len(reference.cells)}; {hint}."


def _decoding_error(path: Path, encoding: str | None) -> str:
    """Where the text stops being text."""
    if encoding is not None:
        return f"dataset.encoding: {path} is not {encoding} text; leave the option out, or name another."
    with path.open("rb") as file:
        line = next((number for number, line in enumerate(file, 1) if not _is_utf8(line)), 1)
    remedy = "say its encoding, such as encoding: latin-1, or save it as CSV in UTF-8"
    return f"{path} is not UTF-8 text, in line {line}; {remedy}."


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
