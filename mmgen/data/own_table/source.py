"""Where the columns and arrays of one's own table come from: one small interface over every kind of file."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from ...errors import DataError, listed, nearest

# What pandas takes for an empty cell, so that a table means the same here as it did to whoever wrote it.
MISSING = frozenset({"", "#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"})
FIRST = "the first row is 0"


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing: None, not a number, or one of the words for it."""
    return cell is None or (isinstance(cell, str) and cell.strip() in MISSING) or (isinstance(cell, float | np.floating) and cell != cell)


class Source(ABC):
    """Named columns of cells, or named arrays, all of one length.

    Attributes:
        title: The file's name, for messages.
        names: Of the columns or arrays, in the order of the file.
        position: Of each name in that order.
        things: What the names are: ``columns``, or ``arrays``, of which one may say where another is missing.
        count: How many rows there are, once anything has been read.
        notes: What was done in reading that whoever wrote the file should know, in sentences.
        folder: What paths in its cells are relative to.
    """

    things = "columns"

    def __init__(self, title: str, names: Sequence[str]) -> None:
        self.title, self.names = title, tuple(names)
        self.position = {name: index for index, name in enumerate(names)}
        self.count = 0
        self.notes: list[str] = []
        self.folder = Path()
        self._first = ""

    @abstractmethod
    def cells(self, name: str) -> list[Any]:
        """One value per row; see :func:`is_missing`."""

    @abstractmethod
    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Values ``[N, …]`` of any type, and which rows have one."""

    def require(self, name: str, where: str) -> str:
        """``name`` itself; what does not exist is an error that lists what does."""
        if name in self.position:
            return name
        one = self.things.removesuffix("s")
        raise DataError(
            f"{where}: {self.title} has no {one} {name!r}; its {self.things} are {listed(self.names)}{nearest(name, self.names)}."
        )

    def matching(self, wanted: Sequence[str], where: str, reserved: Collection[str]) -> tuple[str, ...]:
        """The names that names and patterns mean, in the order of the file within a pattern.

        Patterns pass over ``reserved`` names (the label, the group): "g*" should mean the genes, and not the column called "group".
        """
        found: list[str] = []
        for pattern in wanted:
            if pattern in self.position or not any(sign in pattern for sign in "*?["):
                found.append(self.require(pattern, where))
                continue
            hits = [name for name in self.names if name and name not in reserved and fnmatch.fnmatchcase(name, pattern)]
            if not hits:
                raise DataError(
                    f"{where}: no {self.things.removesuffix('s')} of {self.title} matches {pattern!r}; "
                    f"its {self.things} are {listed(self.names)}{nearest(pattern, self.names)}."
                )
            found.extend(hits)
        return tuple(found)

    def of_one_length(self, name: str, count: int) -> None:
        """Note the number of rows; one that differs from the others' is an error."""
        self._first, expected = (self._first, self.count) if self._first else (name, count)
        self.count = expected
        if count != expected:
            raise DataError(
                f"The arrays of {self.title} differ in length: {self._first!r} has {expected} rows, and {name!r} has {count}; "
                "every array needs one value per row."
            )


class ArrayFile(Source):
    """An NPZ or safetensors file."""

    things = "arrays"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(path.name, self._names())

    @contextmanager
    def _open(self) -> Iterator[Any]:
        if self.path.suffix.lower() == ".npz":  # opened here, because numpy leaves a damaged file open
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                yield file
        else:
            with safe_open(self.path, framework="pt") as file:
                yield file

    def _names(self) -> list[str]:
        try:
            with self._open() as file:
                names = list(file.files if self.path.suffix.lower() == ".npz" else file.keys())
        except Exception as error:  # whatever the readers make of a damaged file
            kind = self.path.suffix.lower().removeprefix(".")
            raise DataError(f"{self.path} cannot be read as {kind}; it is truncated, damaged, or something else.") from error
        if not names:
            raise DataError(f"{self.path} holds no arrays.")
        return names

    def _get(self, name: str) -> np.ndarray:
        try:
            with self._open() as file:
                if self.path.suffix.lower() == ".npz":
                    values = np.asarray(file[name])
                else:
                    tensor = file.get_tensor(name)
                    values = (tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor).numpy()
        except Exception as error:
            raise DataError(
                f"The array {name!r} of {self.path} cannot be read; it is truncated, damaged, or holds Python objects, "
                "which are never loaded."
            ) from error
        if values.ndim == 0:
            raise DataError(f"The array {name!r} of {self.title} is a single value; it needs one row per object.")
        if len(values) == 0:
            raise DataError(f"The array {name!r} of {self.title} has no rows.")
        self.of_one_length(name, len(values))
        return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values

    def cells(self, name: str) -> list[Any]:
        """A one-dimensional array, as Python values."""
        values = self._get(name)
        if values.ndim > 1:
            raise DataError(f"{name!r} in {self.title} is an array of shape {list(values.shape)}, and a single value per row was wanted.")
        return values.tolist()

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The array; rows with anything that is not a number in them are missing."""
        values = self._get(name)
        flat = values.reshape(len(values), -1)
        if values.dtype.kind == "f":
            return values, ~np.isnan(flat).any(1)
        if values.dtype.kind == "U":
            return values, np.array([not any(is_missing(cell) for cell in row) for row in flat.tolist()])
        return values, np.ones(len(values), dtype=bool)
