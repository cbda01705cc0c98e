"""Parquet files, read by Arrow a few columns at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...errors import DataError, listed
from .arrow_numbers import column_numbers
from .columns import DatasetColumns, decode_column, reason, toy_columns
from .dialect import Reading
from .file_source import FileSource
from .numerals import NumberError
from .source import Source

if TYPE_CHECKING:
    import pandas as pd


class ParquetColumns(DatasetColumns, FileSource):
    """A Parquet file; nothing is read before it is asked for, and nothing is kept."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as parquet

        try:
            self._file = parquet.ParquetFile(path)
            names, count = self._file.schema_arrow.names, self._file.metadata.num_rows
        except Exception as error:  # whatever the reader makes of a damaged file
            raise DataError(f"{path} cannot be read: {reason(error)}.") from error
        if count == 0:
            raise DataError(f"{path} has no rows.")
        twice = next((name for name, times in Counter(names).items() if times > 1), None)
        if twice is not None:
            raise DataError(f"{path} has the column {twice!r} twice; a column needs a name of its own.")
        Source.__init__(self, path.name, names)
        self.path, self.count = path, count
        self._classes = _class_labels(self._file.schema_arrow)

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read the names of the columns."""
        return cls(path)

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of a number, a word and a list."""
        import pyarrow.parquet as parquet

        path = folder / "toy.parquet"
        parquet.write_table(toy_columns(), path)
        return path

    def _some(self, names: Sequence[str]) -> Any:
        try:
            table = self._file.read(columns=list(names), use_threads=False).select(list(names))
        except Exception as error:  # a file that is damaged further on
            raise DataError(f"{self.path} cannot be read: {reason(error)}.") from error
        if len(table) != self.count:
            columns = listed(map(repr, names))
            raise DataError(
                f"{self.path} cannot be read: it says that it has {self.count} rows, and {columns} has {len(table)}."
            )
        return table

    def cells(self, name: str) -> list[Any]:
        """Python values; the codes of a class label become the names of the classes."""
        import datasets

        values = self._some([name])
        try:
            table = datasets.Dataset(datasets.table.InMemoryTable(values), fingerprint="cells")
        except Exception as error:  # the notes of datasets in the file are of other columns
            raise DataError(f"The column {name!r} of {self.path} cannot be read: {reason(error)}.") from error
        return decode_column(table, table.features[name], name, self.title)

    def has_column(self, name: str) -> bool:
        """Whether its cells are neither lists, structures nor bytes."""
        import pyarrow.types as of

        kind = self._file.schema_arrow.field(name).type
        return not (of.is_nested(kind) or of.is_binary(kind) or of.is_large_binary(kind))

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """The columns as pandas has them; of class labels the names of the classes."""
        frame = self._some(names).to_pandas(ignore_metadata=True)
        for name in self._classes.intersection(names):
            frame[name] = self.cells(name)
        return frame

    def _block(self, names: Sequence[str], where: str, truths: bool) -> np.ndarray:
        table, values = self._some(names), np.empty((self.count, len(names)))
        for index, name in enumerate(names):
            try:
                if name in self._classes:  # codes, which stand for names
                    values[:, index] = Source._column(self, name, truths)
                else:
                    values[:, index] = column_numbers(table.column(name), self.missing.words, truths)
            except NumberError as error:
                raise self.number_error(name, where, error) from error
        return values

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A column of lists or of images, stacked; lists of numbers of one length without an object for each."""
        import pyarrow.types as of

        kind = self._file.schema_arrow.field(name).type
        is_list = of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)
        if not is_list or not of.is_primitive(kind.value_type):
            return super().array(name)
        lists = self._some([name]).column(name).combine_chunks()
        flat = lists.flatten()
        if lists.null_count or flat.null_count or len(flat) % len(lists) or of.is_temporal(kind.value_type):
            return super().array(name)
        sizes = np.full(len(lists), kind.list_size) if of.is_fixed_size_list(kind) else lists.value_lengths().to_numpy()
        if (sizes != sizes[0]).any():
            return super().array(name)
        values = flat.to_numpy(zero_copy_only=False).reshape(len(lists), -1)
        return values, np.ones(len(values), dtype=bool)


def _class_labels(schema: Any) -> set[str]:
    """The columns that the package ``datasets`` wrote as codes of classes."""
    if b"huggingface" not in (schema.metadata or {}):
        return set()
    import datasets

    features = datasets.Features.from_arrow_schema(schema)
    return {name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"}
