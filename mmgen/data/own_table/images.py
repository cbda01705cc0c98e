"""Images of one's own table: arrays, columns of pixels, and pictures in cells or in files."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from ...errors import DataError
from ..modalities import ImageModality
from ..modality import Modality
from .number_columns import number_columns
from .picture_column import lacks_picture, read_pictures
from .request import Request
from .source import Source
from .value_range import guessed_range, ranged


def read_images(request: Request, source: Source) -> tuple[Modality, np.ndarray, np.ndarray]:
    """The modality, its values ``[N, channels, height, width]`` in the units of the source, and which rows have it.

    What is black and what is white is found in the values once, and is then a field of the modality, ``value_range``:
    other rows are read by it.
    """
    values, found = _values(request, source)
    shape, given = list(values.shape[1:]), request.fields.get("shape", values.shape[1:])
    if not isinstance(given, list | tuple) or list(given) != shape:
        thing = request.thing(source)
        raise DataError(f"{request.where}.shape: {given!r} does not fit; an image of {thing} has the shape {shape}.")
    available = request.present(source, found)
    modality = cast(ImageModality, request.make(shape))
    limits = modality.value_range
    if limits is None:
        limits = guessed_range(request, source, values[available])
        modality = cast(ImageModality, request.make(shape, value_range=limits))
    elif values.dtype == np.bool_:  # true is white, whatever number white is
        values = np.where(values, *reversed(limits))
    return modality, ranged(request, source, limits, values, available), available


def _values(request: Request, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``[N, C, H, W]``, and which rows have all of theirs."""
    name = request.names[0]
    if len(request.names) > 1:
        values = number_columns(request, source)
        return _laid_out(request, source, values), ~np.isnan(values).any(1)
    if source.things == "columns":
        cells = source.cells(name)
        some = next((cell for cell in cells if not lacks_picture(cell)), None)
        if not isinstance(some, list | np.ndarray):
            return read_pictures(request, source, cells)
    values, found = source.array(name)
    if values.dtype.kind == "U":
        return read_pictures(request, source, values.tolist())
    if values.dtype.kind not in "biuf":
        raise DataError(f"{request.where}: {request.thing(source)} holds something else than numbers.")
    return _laid_out(request, source, values), found


def _laid_out(request: Request, source: Source, values: np.ndarray) -> np.ndarray:
    """As ``[N, C, H, W]``: ``[N, H, W]``, ``[N, H, W, C]``, or ``[N, pixels]`` of a given shape."""
    found, given = list(values.shape[1:]), request.fields.get("shape")
    if values.ndim == 2 and given is not None:
        shape: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
        if not all(isinstance(size, int) for size in shape) or math.prod(shape) != values.shape[1]:
            row = f"a row of {source.title} has {values.shape[1]} values"
            raise DataError(f"{request.where}.shape: {given!r} does not fit; {row}.")
        values = values.reshape(len(values), *shape)
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in (1, 3) and values.shape[3] in (1, 3):
        values = np.moveaxis(values, 3, 1)
    said = f"{request.where}: a value of {request.thing(source)} has the shape {found}"
    if values.ndim != 4:
        raise DataError(
            f"{said}; an image is [height, width] or [channels, height, width] with one or three channels; where the "
            "pixels lie in one line, give shape."
        )
    if values.shape[1] not in (1, 3):
        raise DataError(
            f"{said}, and an image has one or three channels; save each channel as an array of its own and make a "
            "modality of each, or read all of them with kind: vector."
        )
    return values
