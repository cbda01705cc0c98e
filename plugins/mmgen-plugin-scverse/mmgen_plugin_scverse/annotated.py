"""Annotated matrices as a source of rows: cells are rows, and what is known of them columns."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from mmgen import CountsModality, DataError, FileSource, Modality

from .block import Block
from .columns import OBS_NAMES, columns_of_obs, find_variables, has_any, union_of
from .describing import describe

MANY = 100  # variables, from which on the total of a cell says how deeply it was read, more than what it is


class Annotated(FileSource):
    """The cells of one or several blocks: the union of them, of which a block may lack some.

    Its arrays are ``X``, ``layers/counts``, ``obsm/X_pca`` and the like, of several blocks ``rna/X``; its columns are
    those of ``obs`` and the variables.

    Attributes:
        blocks: By name of the modality; the only one of an AnnData object is called by the empty word.
    """

    kind = "columns"
    guesses_kinds = True

    def __init__(self, title: str, blocks: Mapping[str, Block], obs: pd.DataFrame | None = None) -> None:
        self.blocks = dict(blocks)
        self._index = union_of(self.blocks, obs)
        self._place = {
            name: np.asarray(block.obs.index.get_indexer(self._index)) for name, block in self.blocks.items()
        }
        self._arrays = {
            f"{name}/{place}" if name else place: (name, place)
            for name, block in self.blocks.items()
            for place in block.matrices
        }
        self._obs = columns_of_obs(self.blocks, obs, self._index)
        self._variables = find_variables(self.blocks, {OBS_NAMES, *self._obs, *self._arrays})
        columns = dict.fromkeys((OBS_NAMES, *self._obs, *self._variables))
        super().__init__(title, list(dict.fromkeys((*self._arrays, *columns))))
        self.count = len(self._index)
        self.by_name_only = {*self._arrays, OBS_NAMES}
        self._kept: tuple[str, Any] = ("", None)
        self._noted: set[str] = set()

    @abstractmethod
    def original(self) -> Any:
        """The AnnData or MuData object itself, all of it in memory; a copy, which may be changed."""

    # What is read -----------------------------------------------------------------------------------------------------

    def cells(self, name: str) -> list[Any]:
        """A column of ``obs``, the names of the cells, or a variable; None where a cell has none."""
        if name == OBS_NAMES and name not in self._obs:
            return [str(word) for word in self._index]
        if name in self._obs:
            column = self._obs[name]
            gaps = np.asarray(column.isna(), dtype=bool)
            return [None if gap else _as_python(cell) for cell, gap in zip(column.tolist(), gaps, strict=True)]
        if name in self._variables:
            return [None if math.isnan(value) else value for value in self._values_of([name])[:, 0].tolist()]
        raise DataError(f"{name!r} in {self.title} is a matrix, and a single value per cell was wanted.")

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A matrix, dense, and which cells have it."""
        if name not in self._arrays:
            raise DataError(f"{name!r} in {self.title} is a column, and a matrix was wanted.")
        values, present = self._matrix(name)
        if scipy.sparse.issparse(values):
            return values.toarray(), present
        return np.array(values), present

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """A matrix in compressed rows, and which cells have it, where it is stored so."""
        if name not in self._arrays:
            return None
        values, present = self._matrix(name)
        return (values, present) if scipy.sparse.issparse(values) else None

    def sparse_columns(self, names: Sequence[str]) -> tuple[Any, np.ndarray] | None:
        """Variables of one sparse matrix."""
        found = [self._variables.get(name) for name in names]
        arrays = {each[0] for each in found if each is not None}
        if None in found or len(arrays) != 1:
            return None
        given = self.sparse(arrays.pop())
        return None if given is None else (given[0][:, [each[1] for each in found if each is not None]], given[1])

    def value_names(self, name: str) -> tuple[str, ...]:
        """The variables of a matrix."""
        block, place = self._arrays.get(name, ("", ""))
        return self.blocks[block].matrices[place].names if name in self._arrays else ()

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """Columns as float64 ``[N, C]``; variables are read block by block, and not cell by cell."""
        if all(name in self._variables for name in names):
            values = self._values_of(names)
            if self.missing.codes:
                values[np.isin(values, self.missing.codes)] = math.nan
            return values
        return super().numbers(names, where, truths)

    def table_names(self) -> tuple[str, ...]:
        """The columns of ``obs``: variables are values of matrices."""
        return tuple(self._obs)

    # What the object says of itself -----------------------------------------------------------------------------------

    def described(self) -> dict[str, dict[str, Any]]:
        """A modality for each block, or for each type of variables of a 10x file."""
        found, notes = describe(self.title, self.blocks, lambda name: self._matrix(name)[0])
        self._note(notes)
        return found

    def fields(self, kind: type[Modality], names: Sequence[str]) -> dict[str, Any]:
        """Counts are negative binomial. Of :data:`MANY` variables or more the total of a cell is its size factor; that
        of a small panel, such as surface proteins, is mostly what the cell is, and is left to z (as totalVI has it,
        Gayoso et al. 2021).
        """
        if not issubclass(kind, CountsModality):
            return {}
        width = sum(len(self.value_names(name)) if name in self._arrays else 1 for name in names)
        offset = {"offset": "total"} if width >= MANY else {}
        return {"likelihood": {"name": "negative-binomial", **offset}}

    def _note(self, sentences: Sequence[str]) -> None:
        self.notes += [each for each in sentences if each not in self._noted]
        self._noted.update(sentences)

    # Matrices ---------------------------------------------------------------------------------------------------------

    def _matrix(self, name: str) -> tuple[Any, np.ndarray]:
        """A matrix of all cells, dense or in compressed rows, and which cells have it; the last one is kept."""
        if self._kept[0] != name:
            block, place = self._arrays[name]
            try:
                values = self.blocks[block].matrices[place].values()
            except DataError:
                raise
            except Exception as error:  # whatever the readers make of a damaged file
                raise DataError(f"The matrix {name!r} of {self.title} cannot be read: {_reason(error)}.") from error
            self._check(name, values, len(self.blocks[block].obs))
            self._kept = (name, self._spread(block, place, values))
        return self._kept[1]

    def _check(self, name: str, values: Any, count: int) -> None:
        if values.ndim < 2 or values.shape[0] != count:
            raise DataError(
                f"The matrix {name!r} of {self.title} has the shape {list(values.shape)}, and there are {count} cells."
            )
        if values.dtype.kind not in "biuf":
            raise DataError(f"The matrix {name!r} of {self.title} holds {values.dtype}, and no numbers.")

    def _spread(self, name: str, place: str, values: Any) -> tuple[Any, np.ndarray]:
        """The rows of a block at their places among all cells."""
        rows = self._place[name]
        present = rows >= 0
        block = self.blocks[name]
        if block.matrices[place].columns is not None:  # of one type of variables
            present = present & has_any(values)[rows]
        if np.array_equal(rows, np.arange(len(rows))) and len(rows) == values.shape[0]:
            return values, present
        if scipy.sparse.issparse(values):
            empty = scipy.sparse.csr_array((1, values.shape[1]), dtype=values.dtype)
            return scipy.sparse.vstack([values, empty], format="csr")[rows], present
        spread = np.full((len(rows), *values.shape[1:]), np.nan, np.result_type(values.dtype, np.float32))
        spread[rows >= 0] = values[rows[rows >= 0]]
        return spread, present

    def _values_of(self, names: Sequence[str]) -> np.ndarray:
        """Variables as float64 ``[N, C]``, NaN where a cell has none."""
        columns = np.empty((self.count, len(names)))
        for array in dict.fromkeys(self._variables[name][0] for name in names):
            places = [place for place, name in enumerate(names) if self._variables[name][0] == array]
            values, present = self._matrix(array)
            chosen = values[:, [self._variables[names[place]][1] for place in places]]
            dense = chosen.toarray() if scipy.sparse.issparse(chosen) else chosen
            columns[:, places] = np.where(present[:, None], dense, np.nan)
        return columns


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'damaged'}".rstrip(".")


def _as_python(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell
