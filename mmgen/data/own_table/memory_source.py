"""One's own data in memory, as a source: an entry for every modality, and columns for what is no modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from ...errors import DataError
from .alignment import Entry
from .missing_words import MissingWords
from .numerals import exact_integers
from .source import Source


class FrameColumns(Source):
    """The columns of a frame."""

    def __init__(self, title: str, frame: pd.DataFrame) -> None:
        super().__init__(title, list(frame.columns))
        self._frame, self.count = frame, len(frame)

    def cells(self, name: str) -> list[Any]:
        """Python values, None where pandas knows a cell as missing."""
        column = self._frame[name]
        values = column.tolist()
        return [None if gap else _as_python(cell) for cell, gap in zip(values, _gaps(column), strict=True)]

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """The columns of the frame."""
        return self._frame[list(names)].reset_index(drop=True)

    def _column(self, name: str, truths: bool) -> np.ndarray:
        column = self._frame[name]
        if column.dtype.kind in "iu" and not column.hasnans:
            return exact_integers(column.to_numpy())
        if column.dtype.kind in "iuf":
            return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return super()._column(name, truths)

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """None: what has several values per row is an array, and no column."""
        raise DataError(f"The column {name!r} of {self.title} is no array; give data with several values as arrays.")


def _gaps(column: pd.Series) -> np.ndarray:
    return np.asarray(column.isna(), dtype=bool)


def _as_python(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


class MemoryArray(Source):
    """One array of numbers with two dimensions or more, or a sparse matrix."""

    kind = "arrays"

    def __init__(self, title: str, name: str, values: np.ndarray | scipy.sparse.csr_array) -> None:
        super().__init__(title, [name])
        self._values, self.count = values, values.shape[0]

    def cells(self, name: str) -> list[Any]:
        """None: an array of a single value per row is a frame of one column."""
        raise DataError(
            f"{name!r} in {self.title} is an array of shape {list(self._values.shape)}, and a single value per row was "
            "wanted."
        )

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The array, of which every row is there; a number that is NaN is missing."""
        values = self._values.toarray() if isinstance(self._values, scipy.sparse.csr_array) else self._values
        return values, np.ones(self.count, dtype=bool)

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """The matrix, of which every row is there."""
        if isinstance(self._values, scipy.sparse.csr_array):
            return self._values, np.ones(self.count, dtype=bool)
        return None


class MemorySource(FrameColumns):
    """Modalities that have names of their own each, beside one frame of labels, groups, sides, ids and covariates; or,
    where there are none of the former, a frame of everything.
    """

    def __init__(self, roles: pd.DataFrame, modalities: Mapping[str, Entry], missing: MissingWords) -> None:
        super().__init__("the data in memory" if modalities else "the frame", roles)
        self.missing = missing
        self._parts: dict[str, Source] = {}
        for name, values in modalities.items():
            title = f"data[{name!r}]"
            is_frame = isinstance(values, pd.DataFrame)
            part = FrameColumns(title, values) if is_frame else MemoryArray(title, name, values)
            part.missing, part.notes = missing, self.notes  # what one finds is said with the rest
            self._parts[name] = part

    def part(self, modality: str) -> Source:
        """The frame or the array of a modality."""
        return self._parts[modality] if self._parts else self
