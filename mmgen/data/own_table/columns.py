"""Columns in the memory of Arrow, with the types that the package ``datasets`` gives them; Arrow files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...errors import DataError, first_line
from .arrow_numbers import column_numbers
from .dialect import Reading
from .file_source import FileSource
from .missing_words import is_missing
from .source import FIRST, Source


class DatasetColumns(Source):
    """The columns of a ``datasets.Dataset``."""

    def _hold(self, rows: Any, path: str, title: str) -> None:
        """Have these rows; none are an error that names the path."""
        if len(rows) == 0:
            raise DataError(f"{path} has no rows.")
        super().__init__(title, rows.column_names)
        self.table, self.count = rows, len(rows)
        self.features = rows.features  # once: the property goes over all columns

    def cells(self, name: str) -> list[Any]:
        """Python values; the codes of a class label become the names of the classes."""
        return decode_column(self.table, self.features[name], name, self.title)

    def has_column(self, name: str) -> bool:
        """Whether its cells are neither lists, structures, pictures nor bytes."""
        feature = self.features[name]
        return type(feature).__name__ in ("Value", "ClassLabel") and "binary" not in str(feature.dtype)

    def _column(self, name: str, truths: bool) -> np.ndarray:
        if type(self.features[name]).__name__ == "ClassLabel":  # codes, which stand for names
            return super()._column(name, truths)
        return column_numbers(self.table.data.column(name), self.missing.words, truths)

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A column of lists, stacked."""
        cells = self.cells(name)
        available = np.array([not is_missing(cell) for cell in cells])
        present = [cell for cell in cells if not is_missing(cell)]
        values = [_as_array(cell) for cell in present]
        for row, value in zip(np.flatnonzero(available), values):
            if value.ndim == 0 or value.dtype.kind not in "biuf":
                raise DataError(
                    f"The column {name!r} of {self.title} holds {str(cells[row])[:50]!r} in row {row} ({FIRST}), which "
                    "is no list of numbers; for single values write columns: instead of array:, for images kind: image."
                )
            if value.shape != values[0].shape:
                raise DataError(
                    f"The values of {name!r} in {self.title} differ in size: {list(values[0].shape)} in row "
                    f"{np.flatnonzero(available)[0]} and {list(value.shape)} in row {row} ({FIRST}); bring them to "
                    "one size."
                )
        if not values:
            return np.zeros((len(cells), 1)), available
        stacked = np.zeros((len(cells), *values[0].shape), np.result_type(*{value.dtype for value in values}))
        stacked[available] = values
        return stacked, available


class ArrowColumns(DatasetColumns, FileSource):
    """An Arrow file, in the form of a stream or of a file.

    It is read by Arrow alone: ``datasets`` counts its readers on a server whenever it loads one.
    """

    def __init__(self, path: Path) -> None:
        try:
            rows = read_arrow(path)
        except Exception as error:  # whatever the reader makes of a damaged file
            raise DataError(f"{path} cannot be read: {reason(error)}.") from error
        self._hold(rows, str(path), path.name)

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read the table."""
        return cls(path)

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of a number, a word and a list."""
        import pyarrow as pa

        path, columns = folder / "toy.arrow", toy_columns()
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, columns.schema) as stream:
            stream.write_table(columns)
        return path


def read_arrow(path: Path) -> Any:
    """The rows of an Arrow file as a ``datasets.Dataset`` in memory, every offset in them checked.

    Raises:
        Exception: Whatever the readers raise where it is none, is damaged, or has a column twice.
    """
    import datasets
    import pyarrow as pa

    with pa.OSFile(str(path), "rb") as file:
        try:
            table = pa.ipc.open_stream(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    twice = next((name for name, times in Counter(table.column_names).items() if times > 1), None)
    if twice is not None:
        raise ValueError(f"it has the column {twice!r} twice; a column needs a name of its own")
    return datasets.Dataset(datasets.table.InMemoryTable(table), fingerprint="rows")


def toy_columns() -> Any:
    """A small Arrow table."""
    import pyarrow as pa

    rows = range(8)
    return pa.table(
        {
            "weight": [row / 4 for row in rows],
            "site": ["north"] * 8,
            "pair": [[float(row), -float(row)] for row in rows],
        }
    )


def decode_column(table: Any, feature: Any, name: str, title: str) -> list[Any]:
    """The cells of a column of a ``datasets.Dataset``, by its feature; pictures stay their bytes or their path."""
    # Only what must be decoded goes through the package, which looks at all columns for every requested one.
    try:
        coded = hasattr(feature, "decode_example") and type(feature).__name__ != "Image"
        cells = table.select_columns([name])[:][name] if coded else table.data.column(name).to_pylist()
    except Exception as error:  # a recording that cannot be decode_column, for one
        raise DataError(f"The column {name!r} of {title} cannot be read: {reason(error)}.") from error
    if type(feature).__name__ == "ClassLabel":
        return [None if code is None or code < 0 else feature.int2str(code) for code in cells]
    return cells


def _as_array(cell: Any) -> np.ndarray:
    """A list, however nested, as numbers, with NaN for None; what is none stays an array without dimensions."""
    try:
        value = np.asarray(cell)
        return value.astype(np.float64) if value.dtype == object and value.ndim else value
    except (TypeError, ValueError):
        return np.asarray(None)


def reason(error: BaseException) -> str:
    """The first line of what an error was caused by."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)[:200]
