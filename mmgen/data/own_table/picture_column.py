"""A column of pictures as one array."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .missing_words import is_missing
from .pictures import Picture, is_picture, picture_file, read_picture
from .request import Request
from .source import FIRST, Source


def is_empty_picture(cell: Any) -> bool:
    """Whether a cell is empty."""
    return is_missing(cell) or (isinstance(cell, Mapping) and all(value is None for value in cell.values()))


def named_files(request: Request, source: Source) -> list[Path]:
    """The files that the cells of a modality name, as far as they exist."""
    if len(request.names) > 1 or source.kind == "arrays":
        return []
    cells = [cell for cell in source.cells(request.names[0]) if not is_empty_picture(cell) and is_picture(cell)]
    paths = (picture_file(cell, source.folder) for cell in cells)
    return [file for file in paths if file is not None and os.path.isfile(file)]  # noqa: PTH113 - see read_picture


def read_pictures(request: Request, source: Source, cells: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of one size and depth, ``[N, C, H, W]``, and which rows have one.

    They are grey where all of them are, else in colours.
    """
    present = np.array([not is_empty_picture(cell) for cell in cells])
    request.find_available(source, present)  # one at least
    rows = np.flatnonzero(present).tolist()
    if request.known is not None and not rows:
        return np.zeros((len(cells), *request.known.shape), dtype=np.uint8), present
    for row in rows:
        if not is_picture(cells[row]) or _is_number(cells[row]):
            raise DataError(
                f"{request.where}: {request.describe_origin(source)} holds {cells[row]!r:.60} in {source.place(row)}; "
                "a cell of an image is the path of a picture, a picture, or rows of pixels; where every pixel has a "
                "column of its own, name all of these columns."
            )
    channels = _wanted_channels(request)
    pictures = [read_picture(cells[row], source.folder, f"{row} of {source.title}", channels) for row in rows]
    for remark, times in Counter(remark for picture in pictures for remark in picture.remarks).items():
        first = next(picture.title for picture in pictures if remark in picture.remarks)
        note = f"{request.name}: {times} of {len(pictures)} pictures {remark} (the first of them is {first})."
        source.notes.append(note)
    _check_equal(request, pictures, "size", "bring them to one height and width")
    _check_equal(request, pictures, "depth", "save them alike")
    values = np.stack(_unify_channels(request, pictures, channels))
    stacked = np.zeros((len(cells), *values.shape[1:]), values.dtype)
    stacked[present] = values
    return stacked, present


def _check_equal(request: Request, pictures: list[Picture], attribute: str, advice: str) -> None:
    """Two pictures that differ in something are an error that names both."""
    first = pictures[0]
    other = next((picture for picture in pictures if getattr(picture, attribute) != getattr(first, attribute)), None)
    if other is not None:
        raise DataError(
            f"{request.where}: the pictures differ in {attribute}, {getattr(first, attribute)} ({first.title}) and "
            f"{getattr(other, attribute)} ({other.title}); {advice} ({FIRST})."
        )


def _wanted_channels(request: Request) -> int | None:
    """How many channels the run or the options say that there are."""
    requested = request.fields.get("shape") if request.known is None else request.known.shape
    if isinstance(requested, list | tuple) and len(requested) == 3 and isinstance(requested[0], int):
        return requested[0]
    return None


def _unify_channels(request: Request, pictures: list[Picture], wanted: int | None) -> list[np.ndarray]:
    """Their pixels ``[C, H, W]``: black and white as bytes beside bytes, grey as colours beside colours.

    Where three channels are wanted, grey pictures have three that are equal.
    """
    channels = wanted or max(picture.channels for picture in pictures)
    binary = all(picture.pixels.dtype == np.bool_ for picture in pictures)
    arrays = []
    for picture in pictures:
        pixels = picture.pixels
        advice = "save it in grey" if channels == 1 else "save each channel as a page of a TIFF"
        wanted_words = "1 channel is" if channels == 1 else f"{channels} channels are"
        if picture.channels != channels and not (picture.is_grey and channels == 3):
            raise DataError(
                f"{request.where}.shape: {wanted_words} wanted, and the picture {picture.title} ({FIRST}) has "
                f"{picture.channels}; {advice}."
            )
        if pixels.dtype == np.bool_ and not binary:
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        grey = picture.is_grey
        arrays.append(np.broadcast_to(pixels, (channels, *pixels.shape)) if grey else np.moveaxis(pixels, -1, 0))
    return arrays


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
