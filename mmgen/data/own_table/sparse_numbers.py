"""Sparse matrices of one's own: checked, and kept sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DataError
from ..modalities import CountsModality, TagsModality, VectorModality
from ..modality import Modality
from ..sparse import Sparse
from .centring import LOST, SQUARES
from .notes import note_missing
from .request import Request, Values
from .scales import likelihood_support
from .source import Source

NOT_FINITE = "which is not a finite number"
NO_COUNT = "and a count is a whole number from 0 on"
NO_TAG = "and a tag is 0 or 1"
TOO_LARGE = "which is too large for a 32-bit number"
LARGEST = float(np.finfo(np.float32).max)
WHOLE = 2**24  # the largest number up to which float32 has every whole one


def find_matrix(request: Request, source: Source) -> tuple[Any, np.ndarray] | None:
    """The sparse matrix ``[N, W]`` of a modality, in compressed rows, and which rows have it; None where the values are
    not sparse, or cannot stay so: some are NaN, zeros are none of the likelihood's values, or 32 bits lose something.
    """
    kinds = (CountsModality, TagsModality, VectorModality)
    given = source.sparse(request.names[0]) if request.is_array else source.sparse_columns(request.names)
    if given is None or not issubclass(request.kind, kinds) or given[0].dtype.kind not in "biuf":
        return None
    matrix, present = given
    if matrix.dtype.kind == "b":
        matrix = matrix.astype(np.float32)
    values = matrix.data
    if values.dtype.kind == "f" and np.isnan(values).any():
        return None
    if issubclass(request.kind, VectorModality):
        fields = request.fields
        if fields.get("offset") or fields.get("factor") or likelihood_support(fields) != "real":
            return None
        if fields.get("transform", "standardise") not in ("standardise", "none"):  # which may refuse values
            return None
        if len(values) and np.isfinite(values).all() and _needs_other_units(matrix):
            return None
    return matrix, present


def read_sparse(request: Request, source: Source, shape: tuple[int, ...], matrix: Any, present: np.ndarray) -> Values:
    """The modality and its values ``[N, *shape]``, as sparse as they are.

    Raises:
        DataError: The first value that its kind, or float32, cannot take.
    """
    _refuse(request, source, matrix)
    available = request.find_available(source, present)
    absent = np.flatnonzero(~available & (np.diff(matrix.indptr) > 0))
    if len(absent):
        matrix = matrix.copy()
        for row in absent.tolist():
            matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]] = 0
    note_missing(source, request.name, np.broadcast_to(~present[:, None], matrix.shape), "values")
    modality = request.make_modality(shape, source)
    return Values(modality, Sparse.of(matrix, shape), available)


def absent_everywhere(modality: Modality, count: int) -> Values:
    """No row has a modality of numbers."""
    return Values(modality, Sparse.zeros((count, *modality.shape)), np.zeros(count, dtype=bool))


def _refuse(request: Request, source: Source, matrix: Any) -> None:
    values = matrix.data
    checks = [(~np.isfinite(values), NOT_FINITE)] if values.dtype.kind == "f" else []
    if issubclass(request.kind, CountsModality):
        checks.append(((values < 0) | (values != np.floor(values)), NO_COUNT))
        if len(values) and values.max() > WHOLE:
            source.notes.append(f"{request.name}: counts above 16,777,216 are rounded to 24 binary digits.")
    if issubclass(request.kind, TagsModality):
        checks.append((~np.isin(values, (0, 1)), NO_TAG))
    checks.append((np.abs(values.astype(np.float64)) > LARGEST, TOO_LARGE))
    for wrong, reason in checks:
        if wrong.any():
            first = int(wrong.argmax())
            row = int(np.searchsorted(matrix.indptr, first, side="right")) - 1
            raise request.value_error(source, values[first].item(), row, int(matrix.indices[first]), reason)


def _needs_other_units(matrix: Any) -> bool:
    """Whether a column has differences, or squares, that float32 does not hold."""
    columns = Sparse.of(matrix)
    largest = np.zeros(columns.width)
    np.maximum.at(largest, matrix.indices, np.abs(matrix.data))
    _, scale = columns.moments()
    spread = scale.numpy()
    varies = spread > 0
    rounding = np.spacing(largest.astype(np.float32)).astype(np.float64) / 2
    extreme = (largest > SQUARES) | (spread < 1 / SQUARES)
    return bool((varies & ((rounding > LOST * spread) | extreme)).any())


def run_order(request: Request, source: Source) -> np.ndarray | None:
    """Where the values of a run's modality are in an array whose values have names, ``[W]``; None where they have none,
    or the run knows none.

    Raises:
        DataError: The array lacks some of them.
    """
    names = source.value_names(request.names[0])
    if request.known is None or not request.known.columns or not names or names == request.known.columns:
        return None
    place = {name: index for index, name in enumerate(names)}
    absent = [name for name in request.known.columns if name not in place]
    if absent:
        some = ", ".join(absent[:6]) + (f", … ({len(absent)})" if len(absent) > 6 else "")
        raise DataError(
            f"{request.where}: {request.names[0]!r} of {source.title} lacks {some} of the "
            f"{len(request.known.columns)} values that the run has of {request.name!r}; give it all of them, or leave "
            "the array out."
        )
    if len(names) > len(request.known.columns):
        surplus = len(names) - len(request.known.columns)
        source.notes.append(
            f"{request.name}: {surplus} values of {source.title} that the run does not have are left out."
        )
    return np.array([place[name] for name in request.known.columns])
