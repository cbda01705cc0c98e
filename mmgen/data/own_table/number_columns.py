"""Vectors, counts and tags of one's own table: every value that does not fit is an error that names it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...errors import DataError
from ..modalities import CountsModality, TagsModality, VectorModality
from ..spacious import spacious
from .centring import ColumnMoments, Rescaling
from .notes import note_missing
from .request import Request, Values
from .source import Source
from .sparse_numbers import LARGEST, NO_COUNT, NO_TAG, NOT_FINITE, TOO_LARGE, find_matrix, read_sparse, run_order

BLOCK = 256  # columns of a file whose values are float64 at any time, where rows are few
CELLS = 2**23  # values that are, where they are many; and at least FEWEST columns, since some files are read for each
FEWEST = 16
WIDEST = 4096  # columns of an array that are looked at together
CELLS_OF_ARRAYS = 2**18  # values of an array that are float64 at any time: its rows come in parts


def read_numbers(request: Request, source: Source) -> Values:
    """The modality and its values ``[N, *shape]`` as float32, sparse where their source is.

    Where a row has some of the cells and lacks others, these alone are missing; unless the run, the user or the kind
    says that the row then lacks the modality.
    """
    if (given := find_matrix(request, source)) is not None:
        matrix, present = given
        if request.is_array and (order := run_order(request, source)) is not None:
            matrix = matrix[:, order]
        return read_sparse(request, source, _choose_shape(request, source, matrix.shape[1:]), matrix, present)
    if request.is_array:
        values, present = _read_numeric_array(request, source)
        count, shape = len(values), values.shape[1:] or (1,)
        values = values.reshape(count, -1)
    else:
        values, shape = None, _choose_shape(request, source, (len(request.names),))
        count = len(_read_block(request, source, slice(0, 1)))
        present = request.find_available(source, np.ones(count, dtype=bool))
    width = math.prod(shape)
    stored, empty = spacious((count, width), np.float32), spacious((count, width), bool)
    change = Rescaling(request)

    def read(rows: slice, columns: slice) -> np.ndarray:
        block = _read_block(request, source, columns) if values is None else values[rows, columns].astype(np.float64)
        block[~present[rows]] = np.nan
        return block

    for columns, parts in _in_parts(count, width, values is not None):
        named = request if request.is_array else replace(request, names=request.names[columns])
        first = columns.start if request.is_array else 0
        moments: ColumnMoments | None = None
        block = np.empty((0, 0))
        for rows in parts:
            block = read(rows, columns)
            empty[rows, columns] = np.isnan(block)
            _refuse(named, source, block, (rows.start, first))
            here = ColumnMoments.of(block)
            moments = here if moments is None else moments.and_of(here)
        if moments is None:
            continue
        change.look_at(moments, columns)
        for rows in parts:
            block = block if len(parts) == 1 else read(rows, columns)
            kept = change.of(block)
            named.refuse(source, block, np.isinf(kept), TOO_LARGE, (rows.start, first))
            stored[rows, columns] = kept
    fields, notes = change.result()
    partial = bool((empty.any(1) & ~empty.all(1)).any())
    if partial and request.kind.takes_missing_cells:
        fields["missing"] = "cell"
    modality = request.make_modality(shape, source, **fields)
    by_cell = modality.missing == "cell"
    if request.known is None or (partial and not by_cell):  # gaps are why a run reads other rows
        note_missing(source, request.name, empty, "values" if request.is_array else "columns", by_cell)
    available = request.find_available(source, present & ~(empty.all(1) if by_cell else empty.any(1)))
    source.notes += notes
    stored[~available] = 0
    observed = np.logical_not(empty, out=empty)
    observed &= available[:, None]
    if isinstance(modality, VectorModality):
        _refuse_outside(request, source, modality, stored, observed)
    if not (by_cell and partial):
        return Values(modality, stored.reshape(count, *shape), available)
    for _, parts in _in_parts(count, width, is_array=True):
        for rows in parts:
            stored[rows][~observed[rows]] = 0
    return Values(modality, stored.reshape(count, *shape), available, observed.reshape(count, *shape))


def _in_parts(count: int, width: int, is_array: bool) -> Iterator[tuple[slice, list[slice]]]:
    """Columns that are looked at together, and the parts of rows in which they are: files give columns with all their
    rows, arrays are passed through row by row.
    """
    step = WIDEST if is_array else min(BLOCK, max(FEWEST, CELLS // max(1, count)))
    for start in range(0, width, step):
        columns = slice(start, min(start + step, width))
        rows = max(1, CELLS_OF_ARRAYS // (columns.stop - start)) if is_array else max(1, count)
        yield columns, [slice(first, min(first + rows, count)) for first in range(0, count, rows)]


def _read_block(request: Request, source: Source, columns: slice) -> np.ndarray:
    """Some of the columns as float64; one without any value is an error, but to a run, which has seen others."""
    names = request.names[columns]
    values = source.numbers(names, request.where, issubclass(request.kind, TagsModality))
    empty = np.flatnonzero(np.isnan(values).all(0))
    if len(empty) and request.known is None:
        origin = request.describe_origin(source, columns.start + empty[0])
        raise DataError(f"{request.where}: {origin} has no value at all; fill it, or leave it out.")
    return values


def _refuse(request: Request, source: Source, values: np.ndarray, corner: tuple[int, int]) -> None:
    """The first number that its kind, or float32, cannot take is an error."""
    observed = ~np.isnan(values)
    request.refuse(source, values, np.isinf(values), NOT_FINITE, corner)
    if issubclass(request.kind, CountsModality):
        wrong = observed & ((values < 0) | (values != np.floor(values)))
        request.refuse(source, values, wrong, NO_COUNT, corner)
    if issubclass(request.kind, TagsModality):
        request.refuse(source, values, observed & ~np.isin(values, (0, 1)), NO_TAG, corner)
    request.refuse(source, values, np.abs(values) > LARGEST, TOO_LARGE, corner)


def _refuse_outside(
    request: Request, source: Source, modality: VectorModality, stored: np.ndarray, observed: np.ndarray
) -> None:
    """The first number that the likelihood of a vector does not have is an error."""
    step = max(1, CELLS_OF_ARRAYS // max(1, stored.shape[1]))
    for start in range(0, len(stored), step):
        rows = slice(start, start + step)
        values = modality.in_source_units(stored[rows].reshape(-1, *modality.shape))
        wrong, reason = modality.refused(values)
        found = np.argwhere(wrong.reshape(stored[rows].shape) & observed[rows])
        if len(found):
            row, index = found[0]
            value = values.reshape(len(values), -1)[row, index].item()
            raise request.value_error(source, value, start + row, index, reason)


def _read_numeric_array(request: Request, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``[N, …]`` of an array, and which rows have all of theirs."""
    values, present = source.array(request.names[0])
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{request.where}: {request.describe_origin(source)} holds text or something else that is not numbers."
        )
    values = values.astype(np.float32) if values.dtype.kind == "b" else values
    if (order := run_order(request, source)) is not None:
        values = values[:, order]
    shape = _choose_shape(request, source, values.shape[1:])
    return values.reshape(len(values), *shape), request.find_available(source, present)


def _choose_shape(request: Request, source: Source, stored: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a value: as ``stored``, or as the modality's fields say where it has as many values."""
    if "shape" not in request.fields:
        return stored
    requested = request.fields["shape"]
    shape = tuple(requested) if isinstance(requested, list | tuple) else (requested,)
    if not all(isinstance(size, int) for size in shape) or math.prod(shape) != math.prod(stored):
        count = math.prod(stored)
        raise DataError(
            f"{request.where}.shape: {requested!r} does not fit; a row of {source.title} has {count} values."
        )
    return shape


def read_number_columns(request: Request, source: Source) -> np.ndarray:
    """The columns of a modality as float64 ``[N, C]``, NaN where a cell is missing."""
    return _read_block(request, source, slice(0, len(request.names)))
