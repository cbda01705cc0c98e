"""Arrays out of .npy files, for data sets that are published as such."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import DataError

ROOM = 10_000  # bytes that an empty array has too
MOST_COMPRESSED = 1100  # times that the way of zip can make something smaller


def read_npy(path: Path, *, mapped: bool = False) -> np.ndarray:
    """The array in an .npy file; Python objects are never loaded.

    Args:
        path: The file.
        mapped: Whether the array stays on disk until it is indexed.

    Raises:
        DataError: The file cannot be read, is damaged, or holds something else.
    """
    try:
        with path.open("rb") as file:  # numpy would take an archive as well, and leave it open
            check_npy(file, path.stat().st_size)
        return np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
    except Exception as error:  # whatever half a file makes of itself
        raise unreadable(path, error, ".npy file of numbers") from error


def check_npy(file: IO[bytes], size: int) -> None:
    """Refuse an array whose header does not speak of exactly what follows it, before there is memory for it.

    Args:
        file: At the beginning of the array.
        size: Bytes of the header and the array.

    Raises:
        ValueError: What is no array, or another size.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(file)
    if kind.hasobject:  # which are never loaded, and have no size here
        return
    if min(shape, default=0) < 0:
        raise ValueError("no shape")
    if file.tell() + kind.itemsize * math.prod(shape) != size:
        raise ValueError("not the size that its header says")


def check_npz(path: Path) -> None:
    """Refuse an archive of arrays of which one does not have the size that is said of it.

    Raises:
        Exception: Whatever the archive is, where it is none.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    check_npy(file, member.file_size)


def check_archive(path: Path) -> None:
    """Refuse a zip archive with a part that is said to be larger than it can be; an older file of PyTorch is none.

    Raises:
        Exception: Whatever the archive is, where it is none.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > MOST_COMPRESSED * member.compress_size + ROOM:
                raise ValueError(f"{member.filename!r} is said to be larger than it can be")


def unreadable(path: Path, error: Exception, content: str) -> DataError:
    """The error of a file that should hold ``content``, by what its reader raised."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path} cannot be read: {error.strerror}.")
    return DataError(f"{path} is truncated, damaged, or no {content}; copy it again.")
