"""Tables of columns that the package ``datasets`` reads: folders, Arrow files, and datasets of the Hub."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Whatever ``datasets`` reads; several splits become one table with a column ``split``."""

    def __init__(self, path: str, subset: str | None = None) -> None:
        with _quiet():
            try:
                self.table = _load_pooled(path, subset)
            except Exception as error:  # the package raises whatever the reader of that format raises
                raise DataError(_loading_error(path, error)) from error
        if len(self.table) == 0:
            raise DataError(f"{path} has no rows.")
        super().__init__(Path(path).name if Path(path).exists() else path, self.table.column_names)
        self.count = len(self.table)
        self.features = self.table.features  # once: the property goes over all columns

    def cells(self, name: str) -> list[Any]:
        """Python values; the codes of a class label become the names of the classes."""
        return decode_column(self.table, self.features[name], name, self.title)

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
    """An Arrow file, as the package ``datasets`` writes them."""

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read the table."""
        if not path.exists():  # which would otherwise be looked for on the Hub
            raise DataError(f"There is no file {path}.")
        return cls(str(path))

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of a number, a word and a list."""
        import pyarrow as pa

        path, columns = folder / "toy.arrow", toy_columns()
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, columns.schema) as stream:
            stream.write_table(columns)
        return path


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


def _load_pooled(path: str, subset: str | None) -> Any:
    """The rows of every split; local files leave nothing in the user's cache."""
    import datasets

    place = Path(path)
    if place.is_dir() and any((place / name).exists() for name in ("state.json", "dataset_dict.json")):
        loaded = datasets.load_from_disk(path, keep_in_memory=True)
    elif place.exists():
        with tempfile.TemporaryDirectory() as cache:
            options = {"cache_dir": cache, "keep_in_memory": True}
            loaded = (
                datasets.load_dataset(path, subset, **options)
                if place.is_dir()
                else datasets.load_dataset("arrow", data_files=path, split="train", **options)
            )
    else:
        loaded = datasets.load_dataset(path, subset)
    if not isinstance(loaded, dict):
        return loaded
    splits = {name: split for name, split in loaded.items() if len(split)} or loaded
    if len(splits) > 1:
        splits = {
            name: split if "split" in split.column_names else split.add_column("split", [name] * len(split))
            for name, split in splits.items()
        }
    return datasets.concatenate_datasets(list(splits.values()))


def reason(error: BaseException) -> str:
    """The first line of what an error was caused by."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)[:200]


def _loading_error(path: str, error: BaseException) -> str:
    if "corresponds to no data" in str(error):  # what the package says of a file without rows
        return f"{path} has no rows."
    if Path(path).exists():
        return f"{path} cannot be read: {reason(error)}."
    return (
        f"There is no file or folder {path}, and the Hugging Face Hub gives no dataset of that name: {reason(error)}."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no log lines of ``datasets``: what went wrong is said once, by us."""
    import datasets

    level, bars = datasets.logging.get_verbosity(), not datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()
