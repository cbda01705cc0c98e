"""Kinds of modality that read files of their own, such as volumes: from a column of paths, or from arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, first_line
from .notes import note_missing
from .number_columns import read_number_columns
from .picture_column import is_empty_picture
from .pictures import picture_file
from .request import Request, Values
from .source import FIRST, Source

LARGEST = float(np.finfo(np.float32).max)


def read_files(request: Request, source: Source) -> Values:
    """The modality, its values ``[N, *shape]`` as float32, and which rows have it.

    A value with a number that is missing (NaN) is missing as a whole.
    """
    values, present, titles = _read_values(request, source)
    requested = request.fields.get("shape", values.shape[1:])
    if request.known is None and (not isinstance(requested, list | tuple) or tuple(requested) != values.shape[1:]):
        found = list(values.shape[1:])
        raise DataError(f"{request.where}.shape: {requested!r} does not fit; a value has the shape {found}.")
    if not present.any() and request.known is not None:
        return Values(request.known, np.zeros((len(present), *request.known.shape), np.float32), present)
    modality = request.make_modality(values.shape[1:])
    empty = np.isnan(values.reshape(len(values), -1)).any(1) & present
    note_missing(source, request.name, empty[:, None], "values", False)
    available = request.find_available(source, present & ~empty)
    wrong = (np.abs(values) > LARGEST).reshape(len(values), -1).any(1) & available
    if wrong.any():
        title = f"{titles[int(wrong.argmax())]} ({FIRST})"
        raise DataError(f"{request.where}: {title} has a number that is not finite, or too large for 32 bits.")
    stored = np.ascontiguousarray(values, dtype=np.float32)
    stored[~available] = 0
    return Values(modality, stored, available)


def _read_values(request: Request, source: Source) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Numbers ``[N, *shape]``, which rows have some, and what each row is called in messages."""
    if len(request.names) > 1:
        values = read_number_columns(request, source)
        return _arranged(request, values, "columns"), ~np.isnan(values).any(1), _rows(request, source, len(values))
    cells = _paths(request, source)
    if cells is not None:
        return _read_paths(request, source, cells)
    values, present = source.array(request.names[0])
    if values.dtype.kind not in "biuf":
        raise DataError(f"{request.where}: {request.describe_origin(source)} holds something else than numbers.")
    arranged = _arranged(request, values, request.describe_origin(source))
    return arranged, present, _rows(request, source, len(values))


def _rows(request: Request, source: Source, count: int) -> list[str]:
    return [f"{request.describe_origin(source)} in row {row}" for row in range(count)]


def _paths(request: Request, source: Source) -> list[Any] | None:
    """The cells of a column (or an array) of paths; None where it holds numbers."""
    name = request.names[0]
    if source.kind == "columns":
        cells = source.cells(name)
        sample = next((cell for cell in cells if not is_empty_picture(cell)), None)
        return None if isinstance(sample, list | np.ndarray) else cells
    values, _ = source.array(name)
    return values.tolist() if values.dtype.kind == "U" and values.ndim == 1 else None


def _read_paths(request: Request, source: Source, cells: list[Any]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    present = np.array([not is_empty_picture(cell) for cell in cells])
    request.find_available(source, present)  # one at least
    titles = [f"{cell} in row {row} of {source.title}" for row, cell in enumerate(cells)]
    values: np.ndarray | None = None
    first = ""
    for row in np.flatnonzero(present).tolist():
        value = _read_file(request, source, cells[row], f"row {row} of {source.title} ({FIRST})")
        if values is None:
            values, first = np.zeros((len(cells), *value.shape), np.float32), titles[row]
        if value.shape != values.shape[1:]:
            raise DataError(
                f"{request.where}: the files differ in shape, {list(values.shape[1:])} ({first}) and "
                f"{list(value.shape)} ({titles[row]}); bring them to one grid ({FIRST})."
            )
        values[row] = value
    return np.zeros((len(cells), 1), np.float32) if values is None else values, present, titles


def _read_file(request: Request, source: Source, cell: Any, row: str) -> np.ndarray:
    """One value ``[*shape]``; whatever goes wrong is a sentence that names the file and its row."""
    endings = request.kind.file_endings
    file = picture_file(cell, source.folder) if isinstance(cell, str | Path) else None
    if file is None or not str(file).lower().endswith(endings):
        raise DataError(
            f"{request.where}: {request.describe_origin(source)} holds {cell!r:.60} in {row}; "
            f"a cell is the path of a file that ends in {' or '.join(endings)}."
        )
    # For a name that no file can have, Path.is_file raises.
    if not os.path.isfile(file):  # noqa: PTH113
        raise DataError(
            f"There is no file {file} in {row}; a path is relative to the folder of the table, and "
            "an empty cell means that the row has none."
        )
    try:
        value = request.kind.read_file(file)
    except Exception as error:  # whatever the package that reads it makes of a damaged file
        reason = f"{first_line(error)[:200]}; replace it, or take it out of the table"
        raise DataError(f"The file {file} in {row} cannot be read: {reason}.") from error
    return _arranged(request, value[None], f"{cell} in {row}")[0]


def _arranged(request: Request, values: np.ndarray, origin: str) -> np.ndarray:
    fields = {**request.fields, **({} if request.known is None else {"shape": request.known.shape})}
    try:
        return request.kind.arranged(values, fields)
    except DataError as error:
        raise DataError(f"{request.where}: {origin} {error}") from error
