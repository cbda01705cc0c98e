"""Vectors, counts and tags of one's own table: every value that does not fit is an error that names it."""

from __future__ import annotations

import math

import numpy as np

from ...errors import DataError
from ..modalities import CountsModality, TagsModality
from ..modality import Modality
from .request import Request
from .source import FIRST, Source, is_missing

BOOLEANS = {"True": 1.0, "true": 1.0, "False": 0.0, "false": 0.0}  # how a truth value may be written into a text file


def read_numbers(request: Request, source: Source) -> tuple[Modality, np.ndarray, np.ndarray]:
    """The modality, its values ``[N, *shape]`` as float32 (zeros where missing), and which rows have it."""
    values, available = _numeric(request, source)
    flat = np.where(available[:, None], values.reshape(len(values), -1), 0)
    if flat.dtype.kind == "f":
        request.refuse(source, flat, np.isinf(flat), "which is not a finite number")
    if issubclass(request.kind, CountsModality):
        request.refuse(source, flat, (flat < 0) | (flat != np.floor(flat)), "and a count is a whole number from 0 on")
    if issubclass(request.kind, TagsModality):
        request.refuse(source, flat, ~np.isin(flat, (0, 1)), "and a tag is 0 or 1")
    with np.errstate(over="ignore"):
        single = flat.astype(np.float32)
    request.refuse(source, flat, np.isinf(single), "which is too large for a 32-bit number")
    shape = values.shape[1:] or (1,)
    return request.make(shape), single.reshape(len(single), *shape), available


def _numeric(request: Request, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``[N, …]`` and which rows have all of theirs."""
    if request.is_array:
        values, found = source.array(request.names[0])
        if values.dtype.kind not in "biuf":
            raise DataError(f"{request.where}: {request.thing(source)} holds text or something else that is not numbers.")
        values = values.astype(np.float32) if values.dtype.kind == "b" else values
    else:
        values = number_columns(request, source)
        found = ~np.isnan(values).any(1)
    if "shape" in request.fields:
        given = request.fields["shape"]
        shape = tuple(given) if isinstance(given, list | tuple) else (given,)
        if not all(isinstance(size, int) for size in shape) or math.prod(shape) != math.prod(values.shape[1:]):
            raise DataError(
                f"{request.where}.shape: {given!r} does not fit; a row of {source.title} has {math.prod(values.shape[1:])} values."
            )
        values = values.reshape(len(values), *shape)
    return values, request.present(source, found)


def number_columns(request: Request, source: Source) -> np.ndarray:
    """The columns of a modality as float64 ``[N, C]``, NaN where a cell is missing."""
    return np.stack([_column(request, source, index) for index in range(len(request.names))], 1)


def _column(request: Request, source: Source, index: int) -> np.ndarray:
    """A column as float64, NaN where a cell is missing."""
    cells = source.cells(request.names[index])
    words = BOOLEANS if issubclass(request.kind, TagsModality) else {}
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = float(cell)
        except (TypeError, ValueError) as error:
            word = words.get(cell) if isinstance(cell, str) else None
            if word is None and not is_missing(cell):
                raise DataError(
                    f"{request.where}: {request.thing(source, index)} holds {cell!r} in row {row} ({FIRST}), "
                    "which is not a number; an empty cell would mean a missing value."
                ) from error
            values[row] = math.nan if word is None else word
    if np.isnan(values).all():
        raise DataError(f"{request.where}: {request.thing(source, index)} has no value at all; fill it, or leave it out.")
    return values
