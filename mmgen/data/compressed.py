"""Compressed files of data sets that are published so, decompressed up to a bound."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ..errors import DataError

MOST = 2**30  # bytes; a few megabytes of zeros become gigabytes
CHUNK = 2**22


def read_gzip(path: Path, most: int = MOST) -> bytes:
    """What a gzip file holds.

    Args:
        path: The file.
        most: Bytes that it may become.

    Raises:
        DataError: The file cannot be read, is damaged, or becomes larger.
    """
    parts, size = [], 0
    try:
        with gzip.open(path, "rb") as file:
            while part := file.read(min(CHUNK, most + 1 - size)):
                parts.append(part)
                size += len(part)
                if size > most:
                    raise DataError(f"{path} becomes larger than {most:,} bytes, which what belongs there does not.")
    except gzip.BadGzipFile as error:
        raise DataError(f"{path} is not a gzip file, although it is named so, or it is damaged.") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} is truncated or damaged: the gzip stream does not come to its end.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return b"".join(parts)
