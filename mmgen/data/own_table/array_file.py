"""Arrays of one's own: NPZ and safetensors files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from safetensors import safe_open
from safetensors.numpy import save_file

from ...errors import DataError
from ..npy import check_npz
from .dialect import Reading
from .file_source import FileSource
from .numerals import TRUTHS, NumberError, exact_integers, parse_numbers

MATRIX, PARTS = "matrix", {"data", "indices", "indptr", "format", "shape"}  # of what scipy.sparse.save_npz writes


class ArrayFile(FileSource):
    """A file of named arrays.

    Attributes:
        ending: Of its files.
    """

    kind = "arrays"
    ending: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            names = list(self._names())
        except Exception as error:  # whatever the readers make of a damaged file
            raise DataError(
                f"{path} cannot be read as {self.ending}; it is truncated, damaged, or something else."
            ) from error
        if not names:
            raise DataError(f"{path} holds no arrays.")
        super().__init__(path.name, names)

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read the names of the arrays."""
        return cls(path)

    @abstractmethod
    def _names(self) -> Sequence[str]:
        """The names of the arrays."""

    @abstractmethod
    def _values(self, name: str) -> np.ndarray:
        """An array as it is in the file."""

    def _read_array(self, name: str) -> np.ndarray:
        try:
            values = self._values(name)
        except Exception as error:
            raise DataError(
                f"The array {name!r} of {self.path} cannot be read; it is truncated, damaged, or holds Python objects, "
                "which are never loaded."
            ) from error
        if values.ndim == 0:
            raise DataError(f"The array {name!r} of {self.title} is a single value; it needs one row per object.")
        if len(values) == 0:
            raise DataError(f"The array {name!r} of {self.title} has no rows.")
        self.check_length(name, len(values))
        return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values

    def _read_vector(self, name: str) -> np.ndarray:
        values = self._read_array(name)
        if values.ndim > 1:
            raise DataError(
                f"{name!r} in {self.title} is an array of shape {list(values.shape)}, and a single value per row was "
                "wanted."
            )
        return values

    def cells(self, name: str) -> list[Any]:
        """A one-dimensional array, as Python values."""
        return self._read_vector(name).tolist()

    def _column(self, name: str, truths: bool) -> np.ndarray:
        """A one-dimensional array as float64."""
        values = self._read_vector(name)
        if values.dtype.kind == "U":
            import pyarrow as pa

            texts = pa.array([text.strip() for text in values.tolist()], pa.string())
            return parse_numbers(texts, self.missing.words, ".", TRUTHS if truths else {})
        if values.dtype.kind not in "biuf":
            raise NumberError(f"holds no numbers, but values of the type {values.dtype}")
        return exact_integers(values) if values.dtype.kind in "iu" else values.astype(np.float64)

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The array; rows of text with a word for a missing value in them are missing."""
        values = self._read_array(name)
        if values.dtype.kind == "U":
            rows = values.reshape(len(values), -1).tolist()
            return values, np.array([not any(self.missing.is_missing(cell) for cell in row) for row in rows])
        return values, np.ones(len(values), dtype=bool)


class NpzFile(ArrayFile):
    """Arrays that ``numpy.savez`` wrote; of what ``scipy.sparse.save_npz`` wrote the sparse array ``matrix``."""

    ending = "npz"
    _is_matrix = False

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of four numbers, and of one."""
        np.savez(folder / "toy.npz", genes=np.arange(32.0).reshape(8, 4), weight=np.arange(8) / 4)
        return folder / "toy.npz"

    def _names(self) -> Sequence[str]:
        check_npz(self.path)
        with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # numpy leaves a damaged file open
            self._is_matrix = set(file.files) >= PARTS
            return [MATRIX] if self._is_matrix else list(file.files)

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """The matrix of SciPy, of which every row is there."""
        if not self._is_matrix:
            return None
        try:
            matrix = self._read_matrix()
        except Exception as error:
            raise DataError(f"The sparse matrix of {self.path} cannot be read; it is truncated or damaged.") from error
        self.check_length(name, matrix.shape[0])
        return matrix, np.ones(matrix.shape[0], dtype=bool)

    def _read_matrix(self) -> Any:
        """In compressed rows; places beyond them are an error, where SciPy would read other memory."""
        with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            form, shape = bytes(file["format"].item()).decode(), tuple(file["shape"].tolist())
            values, places, starts = file["data"], file["indices"], file["indptr"]
        length, width = shape if form == "csr" else shape[::-1]
        whole = len(starts) == length + 1 and starts[0] == 0 and starts[-1] == len(places) == len(values)
        if form not in ("csr", "csc") or not whole or (np.diff(starts) < 0).any():
            raise ValueError(f"no sparse matrix of the form csr or csc, but {form}")
        if len(places) and not 0 <= places.min() <= places.max() < width:
            raise ValueError("places beyond the rows")
        kind = scipy.sparse.csr_array if form == "csr" else scipy.sparse.csc_array
        return scipy.sparse.csr_array(kind((values, places, starts), shape=shape))

    def _values(self, name: str) -> np.ndarray:
        if self._is_matrix:
            return np.asarray(self._read_matrix().toarray())
        with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return np.asarray(file[name])


class SafetensorsFile(ArrayFile):
    """Tensors in a safetensors file."""

    ending = "safetensors"

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of four numbers, and of one."""
        save_file({"genes": np.arange(32.0).reshape(8, 4), "weight": np.arange(8) / 4}, folder / "toy.safetensors")
        return folder / "toy.safetensors"

    def _names(self) -> Sequence[str]:
        with safe_open(self.path, framework="pt") as file:
            return list(file.keys())

    def _values(self, name: str) -> np.ndarray:
        with safe_open(self.path, framework="pt") as file:
            tensor = file.get_tensor(name)
        return (tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor).numpy()
