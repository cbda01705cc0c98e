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


def picture_files(request: Request, source: Source) -> list[Path]:
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
    pictures = [read_picture(cells[row], source.folder, f"{row} of {source.title}") for row in rows]
    for remark, times in Counter(remark for picture in pictures for remark in picture.remarks).items():
        first = next(picture.title for picture in pictures if remark in picture.remarks)
        note = f"{request.name}: {times} of {len(pictures)} pictures {remark} (the first of them is {first})."
        source.notes.append(note)
    _check_equal(request, pictures, "size", "bring them to one height and width")
    _check_equal(request, pictures, "depth", "save them alike")
    values = np.stack(_unify_channels(request, pictures))
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


def _unify_channels(request: Request, pictures: list[Picture]) -> list[np.ndarray]:
    """Their pixels ``[C, H, W]``: black and white as bytes beside bytes, grey as colours beside colours.

    A shape in the options says how many channels there are: grey pictures then have three that are equal.
    """
    coloured = next((picture for picture in pictures if not picture.is_grey), None)
    requested = request.fields.get("shape")
    channels = 1 if coloured is None else 3
    if isinstance(requested, list | tuple) and requested[:1] in ([1], [3], (1,), (3,)):
        channels = requested[0]
    if channels == 1 and coloured is not None:
        picture_title = f"the one {coloured.title} ({FIRST})"
        raise DataError(
            f"{request.where}.shape: {requested!r} is grey, and {picture_title} has colours; save it in grey."
        )
    binary = all(picture.pixels.dtype == np.bool_ for picture in pictures)
    arrays = []
    for picture in pictures:
        pixels = picture.pixels
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
