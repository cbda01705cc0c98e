"""Arrays of one's own: NPZ and safetensors files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from ...errors import DataError
from .numerals import TRUTHS, NumberError, exact_integers, parse_numbers
from .source import Source


class ArrayFile(Source):
    """An NPZ or safetensors file."""

    kind = "arrays"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(path.name, self._read_names())

    @contextmanager
    def _open(self) -> Iterator[Any]:
        if self.path.suffix.lower() == ".npz":  # opened here, because numpy leaves a damaged file open
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                yield file
        else:
            with safe_open(self.path, framework="pt") as file:
                yield file

    def _read_names(self) -> list[str]:
        try:
            with self._open() as file:
                names = list(file.files if self.path.suffix.lower() == ".npz" else file.keys())
        except Exception as error:  # whatever the readers make of a damaged file
            kind = self.path.suffix.lower().removeprefix(".")
            raise DataError(
                f"{self.path} cannot be read as {kind}; it is truncated, damaged, or something else."
            ) from error
        if not names:
            raise DataError(f"{self.path} holds no arrays.")
        return names

    def _read_array(self, name: str) -> np.ndarray:
        try:
            with self._open() as file:
                if self.path.suffix.lower() == ".npz":
                    values = np.asarray(file[name])
                else:
                    tensor = file.get_tensor(name)
                    values = (
                        tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor
                    ).numpy()
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
