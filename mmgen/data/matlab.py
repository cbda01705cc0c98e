"""Arrays out of a MATLAB file, for data sets that are published as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError
from .apart import ApartError, read_arrays_apart


def read_matlab(path: Path) -> dict[str, Any]:
    """The arrays of numbers and of texts in a MATLAB file (of versions 4 to 7), by name.

    Raises:
        DataError: The file cannot be read, is damaged, or has version 7.3, which is another format.
    """
    try:
        return dict(read_arrays_apart(path))
    except ApartError as error:
        if error.kind == "NotImplementedError":
            raise DataError(
                f"{path} is a MATLAB file of version 7.3; the published one has version 5, and save(..., '-v7') writes "
                "that."
            ) from error
        raise DataError(f"{path} is truncated, damaged, or no MATLAB file; copy it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
