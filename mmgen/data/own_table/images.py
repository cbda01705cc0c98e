"""Images of one's own table: arrays, columns of pixels, and pictures in cells or in files."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from ...errors import DataError
from ..modalities import ImageModality
from .axes import USUAL, channel_axis
from .number_columns import read_number_columns
from .picture_column import is_empty_picture, read_pictures
from .request import Request, Values
from .source import Source
from .value_range import apply_range, guess_range


def read_images(request: Request, source: Source) -> Values:
    """The modality, its values ``[N, channels, height, width]`` in the units of the source, and which rows have it.

    What is black and what is white is found in the values once, and is then a field of the modality, ``value_range``:
    other rows are read by it.
    """
    values, present = _read_values(request, source)
    shape, requested = list(values.shape[1:]), request.fields.get("shape", values.shape[1:])
    if not isinstance(requested, list | tuple) or list(requested) != shape:
        origin = request.describe_origin(source)
        raise DataError(
            f"{request.where}.shape: {requested!r} does not fit; an image of {origin} has the shape {shape}."
        )
    available = request.find_available(source, present)
    modality = cast(ImageModality, request.make_modality(shape))
    limits = modality.value_range
    if limits is None:
        limits = guess_range(request, source, values[available])
        modality = cast(ImageModality, request.make_modality(shape, value_range=limits))
    elif values.dtype == np.bool_:  # true is white, whatever number white is
        values = np.where(values, *reversed(limits))
    return Values(modality, apply_range(request, source, limits, values, available), available)


def _read_values(request: Request, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``[N, C, H, W]``, and which rows have all of theirs."""
    name = request.names[0]
    if len(request.names) > 1:
        values = read_number_columns(request, source)
        return _to_channels_first(request, source, values), ~np.isnan(values).any(1)
    if source.kind == "columns":
        cells = source.cells(name)
        sample = next((cell for cell in cells if not is_empty_picture(cell)), None)
        if not isinstance(sample, list | np.ndarray):
            return read_pictures(request, source, cells)
    values, present = source.array(name)
    if values.dtype.kind == "U":
        return read_pictures(request, source, values.tolist())
    if values.dtype.kind not in "biuf":
        raise DataError(f"{request.where}: {request.describe_origin(source)} holds something else than numbers.")
    if values.dtype.kind == "f":
        present = present & ~np.isnan(values.reshape(len(values), -1)).any(1)
    return _to_channels_first(request, source, values), present


def _to_channels_first(request: Request, source: Source, values: np.ndarray) -> np.ndarray:
    """As ``[N, C, H, W]``: ``[N, H, W]``, ``[N, H, W, C]``, or ``[N, pixels]`` of a given shape."""
    stored, requested = list(values.shape[1:]), request.fields.get("shape")
    if values.ndim == 2 and requested is not None:
        shape: list[Any] = list(requested) if isinstance(requested, list | tuple) else [requested]
        if not all(isinstance(size, int) for size in shape) or math.prod(shape) != values.shape[1]:
            row = f"a row of {source.title} has {values.shape[1]} values"
            raise DataError(f"{request.where}.shape: {requested!r} does not fit; {row}.")
        values = values.reshape(len(values), *shape)
    if values.ndim == 3:
        return values[:, None]
    problem = f"{request.where}: a value of {request.describe_origin(source)} has the shape {stored}"
    if values.ndim != 4:
        raise DataError(
            f"{problem}; an image is [height, width], [channels, height, width] or [height, width, channels]; where "
            "the pixels lie in one line, give shape."
        )
    axis = channel_axis(values.shape[1:], _known_shape(request))
    if axis is None and requested is not None:
        raise DataError(
            f"{request.where}.shape: {requested!r} does not fit; an image of the array has the shape {stored}."
        )
    if axis is None:
        raise DataError(
            f"{problem}, and it is not clear which of these are its channels; say shape: [channels, height, width]."
        )
    values = values if axis == "first" else np.moveaxis(values, 3, 1)
    channels, *sides = values.shape[1:]
    if channels not in USUAL and _known_shape(request) is None:
        source.notes.append(
            f"{request.name}: images of {stored} are taken for {channels} channels of {sides[0]}×{sides[1]} pixels; "
            "where they are something else, say shape: [channels, height, width]."
        )
    return values


def _known_shape(request: Request) -> tuple[int, ...] | None:
    """The shape that the run or the options say."""
    if request.known is not None:
        return request.known.shape
    requested = request.fields.get("shape")
    return tuple(requested) if isinstance(requested, list | tuple) else None
