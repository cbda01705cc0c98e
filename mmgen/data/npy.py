"""Arrays out of .npy files, for data sets that are published as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import DataError

MAGIC = b"\x93NUMPY"  # how an .npy file begins; numpy would take an archive as well, and leave it open


def read_npy(path: Path, *, mapped: bool = False) -> np.ndarray:
    """The array in an .npy file; Python objects are never loaded.

    Args:
        path: The file.
        mapped: Whether the array stays on disk until it is indexed.

    Raises:
        DataError: The file cannot be read, is damaged, or holds something else.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError("not an .npy file")
        return np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
    except Exception as error:  # whatever half a file makes of itself
        raise unreadable(path, error, ".npy file of numbers") from error


def unreadable(path: Path, error: Exception, content: str) -> DataError:
    """The error of a file that should hold ``content``, by what its reader raised."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path} cannot be read: {error.strerror}.")
    return DataError(f"{path} is truncated, damaged, or no {content}; copy it again.")
