"""What is black and what is white in images of one's own: said by the user or the run, else read off the values."""

from __future__ import annotations

import math

import numpy as np

from ...errors import DataError
from .request import Request
from .source import Source

DEPTHS = (10, 12, 14, 16)  # bits that cameras and scanners have, where values are whole numbers above 255
DARK = 15  # bytes up to here may be numbers of classes, or of 4 bits, rather than very dark pictures
ROUNDING = 1e-6  # of the range: what lies outside by less is rounded into it


def guess_range(request: Request, source: Source, values: np.ndarray) -> tuple[float, float]:
    """Black and white of ``values``, which are all of a modality.

    A note says what was taken where the values could mean something else; where nobody could tell, that is an error.
    """
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.bool_:
        return 0.0, 1.0
    if values.dtype.kind == "f" and low >= -ROUNDING and high <= 1 + ROUNDING:
        return 0.0, 1.0
    if not math.isfinite(high - low):
        raise DataError(f"{request.where}: {request.describe_origin(source)} has pixels that are not finite numbers.")
    positive, integers = low >= 0, values.dtype.kind in "ui"
    whole = integers or bool((values == np.floor(values)).all())
    plain = high > 127 or (values.dtype == np.uint8 and (high == 0 or high > DARK))
    if positive and whole and high <= 255 and plain:
        return 0.0, 255.0
    bits = next((bits for bits in DEPTHS if high < 2**bits), None)
    black = 0.0
    if positive and integers and high <= 1:
        white, as_in = 1.0, "a mask"
    elif positive and high <= 255 and (whole or high > 127):
        white, as_in = 255.0, "bytes"
    elif positive and integers and bits is not None:
        white, as_in = 2.0**bits - 1, f"{bits} bits"
    elif not whole and -1 - ROUNDING <= low < -0.1 and high <= 1 + ROUNDING:
        black, white, as_in = -1.0, 1.0, "numbers from -1 to 1"
    else:
        raise DataError(
            f"{request.where}: pixels are bytes from 0 to 255, whole numbers of up to 16 bits, or numbers from 0 to 1 "
            f"or from -1 to 1; these go from {low:g} to {high:g}; say what is black and what is white, such as "
            f"value_range: [{min(low, high - 1):g}, {high:g}]."
        )
    if white != 2.0 ** DEPTHS[-1] - 1:
        source.notes.append(
            f"{request.name}: pixels go from {low:g} to {high:g}, and {black:g} is taken for black and {white:g} for "
            f"white, as in {as_in}; where they mean something else, say value_range: [black, white]."
        )
    return black, white


def apply_range(
    request: Request,
    source: Source,
    limits: tuple[float, float],
    values: np.ndarray,
    available: np.ndarray,
) -> np.ndarray:
    """The values as they are stored: whole numbers up to 255 as bytes, others as float32, zeros where missing.

    One outside of the limits is an error.
    """
    low, high = limits
    slack = ROUNDING * (high - low)
    mask = available.reshape(-1, *[1] * (values.ndim - 1))
    wrong = mask & ~((values >= low - slack) & (values <= high + slack))
    if wrong.any():
        row, index = np.argwhere(wrong.reshape(len(wrong), -1))[0]
        origin = request.describe_origin(source, index if len(request.names) > 1 else 0)
        pixel = values[row].reshape(-1)[index]
        raise DataError(
            f"{request.where}: {origin} has a pixel of {pixel:g} in {source.place(row)}, outside of value_range: "
            f"[{low:g}, {high:g}], which is what is black and what is white."
        )
    if values.dtype != np.uint8:
        values = np.where(mask, values, low).astype(np.float32).clip(low, high)
        if low >= 0 and high <= 255 and (values == np.floor(values)).all():
            values = values.astype(np.uint8)
    values = np.require(values, requirements=["C", "W"])
    values[~available] = 0
    return values
