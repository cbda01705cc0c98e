"""Arrays out of a MATLAB file, for data sets that are published as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError


def read_matlab(path: Path) -> dict[str, Any]:
    """What a MATLAB file (of versions 4 to 7) holds, by name.

    Raises:
        DataError: The file cannot be read, is damaged, or has version 7.3, which is another format.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path)
    except NotImplementedError as error:
        raise DataError(
            f"{path} is a MATLAB file of version 7.3; the published one has version 5, and save(..., '-v7') writes "
            "that."
        ) from error
    except Exception as error:  # whatever the reader makes of bytes that are no MATLAB file, or half of one
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        raise DataError(f"{path} is truncated, damaged, or no MATLAB file; copy it again.") from error
