"""Arrays, tensors and frames in memory: each as a frame or an array, and their rows brought together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from ...errors import DataError
from .joining import join_indices

Entry: TypeAlias = pd.DataFrame | np.ndarray | Any  # the last: scipy.sparse.csr_array, of which mypy knows nothing


@dataclass(frozen=True)
class Piece:
    """The values of one entry.

    Attributes:
        values: A frame, of which every column has a name, an array ``[N, …]`` of numbers with two dimensions or more,
            or a sparse matrix of compressed rows.
        index: Of the rows; None where they have places only.
    """

    values: Entry
    index: pd.Index | None = None


def as_piece(name: str, values: Any) -> Piece:
    """What was given, as a frame, an array or a sparse matrix.

    A list or an array of one dimension is a frame of one column.

    Raises:
        DataError: Something else, with the way to an array.
    """
    where = f"data[{name!r}]"
    if isinstance(values, pd.Series):
        values = values.to_frame(name if values.name is None else values.name)
    if isinstance(values, pd.DataFrame):
        frame = values.set_axis([_column_name(column) for column in values.columns], axis=1)
        twice = next((column for column, times in Counter(frame.columns).items() if times > 1), None)
        if twice is not None:
            raise DataError(f"{where} has the column {twice!r} twice; a column needs a name of its own.")
        _check_size(where, frame.shape)
        return Piece(frame, values.index)
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()
    if isinstance(values, list | tuple | pd.Index | pd.api.extensions.ExtensionArray):
        values = _from_sequence(where, values)
    if scipy.sparse.issparse(values) and values.ndim == 2:
        _check_size(where, values.shape)
        return Piece(scipy.sparse.csr_array(values))
    if not isinstance(values, np.ndarray):
        raise DataError(
            f"{where} is a {type(values).__name__}; give a NumPy array, a sparse matrix, a DataFrame, a Series or a "
            "tensor; an AnnData or MuData object takes the place of the whole mapping."
        )
    if values.ndim == 0:
        raise DataError(f"{where} is a single value; it needs one row per object.")
    _check_size(where, values.shape)
    if values.ndim == 1:
        return Piece(pd.DataFrame({name: values}))
    if values.dtype.kind in "biuf":
        return Piece(values)
    if values.ndim > 2:
        raise DataError(f"{where} is an array of {values.dtype} of {values.ndim} dimensions; such arrays hold numbers.")
    frame = pd.DataFrame(values, columns=[str(column) for column in range(values.shape[1])])
    return Piece(frame.infer_objects())


def _from_sequence(where: str, values: Any) -> np.ndarray:
    """A list as an array; one of words and numbers keeps both."""
    try:
        array = np.asarray(values)
        return array if array.dtype.kind in "biufMm" else np.asarray(values, dtype=object)
    except ValueError as error:
        raise DataError(f"{where} is a list whose entries differ in size; every row needs as many values.") from error


def _column_name(column: Any) -> str:
    return "/".join(map(str, column)) if isinstance(column, tuple) else str(column)


def _check_size(where: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise DataError(f"{where} has no {'rows' if shape[0] == 0 else 'values'}: its shape is {list(shape)}.")


def align(pieces: Mapping[str, Piece]) -> tuple[dict[str, Entry], pd.Index | None]:
    """Every entry with the same rows, and their index ``[N]``; None where they have places only.

    Frames and Series are joined by their index, as an outer join: a row that an entry does not have is missing in it.
    The index 0, 1, 2, … that pandas gives where nobody gives one is none, unless another is one of whole numbers. What
    has no index goes by its place.

    Raises:
        DataError: An index with an entry twice, indices of words and of numbers, other numbers of rows where places
            count, or frames with other indices beside what has only places.
    """
    pieces = _with_real_indices(pieces)
    indexed = {name: piece.index for name, piece in pieces.items() if piece.index is not None}
    if not indexed:
        _check_lengths({name: piece.values.shape[0] for name, piece in pieces.items()})
        return {name: _plain(piece.values) for name, piece in pieces.items()}, None
    for name, index in indexed.items():
        if index.has_duplicates:
            twice = index[index.duplicated()][0]
            raise DataError(
                f"The index of data[{name!r}] holds {twice!r} twice; an index names one row (rows of one subject are a "
                "group), so that reset_index(drop=True) goes by the places of rows."
            )
    first, *others = indexed
    for name in others:
        index, reference = indexed[name], indexed[first]
        if pd.api.types.is_numeric_dtype(index) != pd.api.types.is_numeric_dtype(reference):
            raise DataError(
                f"The index of data[{first!r}] holds {reference[0]!r} and that of data[{name!r}] {index[0]!r}: rows "
                "are joined by their index, which is of words or of numbers in all of them."
            )
    joined = join_indices(indexed.values())
    _check_places(pieces, indexed, joined)
    values = {name: _plain(_reindexed(piece, joined)) for name, piece in pieces.items()}
    return values, joined


def row_names(index: pd.Index) -> np.ndarray:
    """The entries of an index as words, ``[N]``; those of several levels are joined by a slash."""
    return np.array([_column_name(entry) for entry in index], dtype=object)


def has_names(index: pd.Index) -> bool:
    """Whether an index names rows, and is not the 0, 1, 2, … that pandas gives where nobody gives one."""
    return not (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1)


def _with_real_indices(pieces: Mapping[str, Piece]) -> dict[str, Piece]:
    """The pieces without the indices that pandas makes of nothing; beside others of whole numbers these count."""
    default = {name for name, piece in pieces.items() if piece.index is not None and not has_names(piece.index)}
    real = [piece.index for name, piece in pieces.items() if piece.index is not None and name not in default]
    if any(pd.api.types.is_integer_dtype(index) for index in real):
        return dict(pieces)
    return {name: replace(piece, index=None) if name in default else piece for name, piece in pieces.items()}


def _check_lengths(lengths: Mapping[str, int]) -> None:
    (first, expected), *others = lengths.items()
    for name, length in others:
        if length != expected:
            raise DataError(
                f"data[{first!r}] has {expected} rows, and data[{name!r}] has {length}; without an index rows go by "
                "their places, so that all have as many (NaN where nothing was measured), or are frames with an index."
            )


def _check_places(pieces: Mapping[str, Piece], indexed: Mapping[str, pd.Index], joined: pd.Index) -> None:
    """Where something has only places, all indices are the same, and it has as many rows."""
    places = {name: piece.values.shape[0] for name, piece in pieces.items() if name not in indexed}
    if not places:
        return
    lone, first = next(iter(places)), next(iter(indexed))
    other = next((name for name, index in indexed.items() if not index.equals(indexed[first])), None)
    if other is not None:
        raise DataError(
            f"data[{lone!r}] has no index, and those of data[{first!r}] and data[{other!r}] differ, so that nobody "
            "knows which row is which; give it as a frame or a Series with its index."
        )
    _check_lengths({first: len(joined), **places})


def _reindexed(piece: Piece, joined: pd.Index) -> Entry:
    if piece.index is None or piece.index.equals(joined):
        return piece.values
    assert isinstance(piece.values, pd.DataFrame)
    return piece.values.reindex(joined)


def _plain(values: Entry) -> Entry:
    """A frame without its index, which has done its work."""
    return values.reset_index(drop=True) if isinstance(values, pd.DataFrame) else values
