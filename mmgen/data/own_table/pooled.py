"""Folders and datasets of the Hub: what the package ``datasets`` reads, in another process.

Its readers of JSON, and others, end the process at some damaged files; and it asks servers of its own where a folder
says so, and where it is only counted. Here a folder is read without any network, and a crash is a sentence.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...errors import DataError, first_line
from ...network import network_refused
from ..apart import ApartError, read_rows_apart
from .columns import DatasetColumns, read_arrow


class PooledColumns(DatasetColumns):
    """Whatever ``datasets`` reads; several splits become one table with a column ``split``."""

    def __init__(self, path: str, subset: str | None = None) -> None:
        place = Path(path)
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "rows.arrow"
            try:
                read_rows_apart(path, subset, result, online=not (place.exists() or network_refused()))
                rows = read_arrow(result)
            except Exception as error:  # the package raises whatever the reader of that format raises
                raise DataError(_loading_error(path, error)) from error
        self._hold(rows, path, place.name if place.exists() else path)


def _loading_error(path: str, error: Exception) -> str:
    text = str(error) if isinstance(error, ApartError) else first_line(error)
    if "corresponds to no data" in text:  # what the package says of a folder without rows
        return f"{path} has no rows."
    if Path(path).exists():
        return f"{path} cannot be read: {text}."
    if network_refused():
        return (
            f"There is no file or folder {path}, and no dataset of that name has been fetched before; opening a run "
            f"fetches nothing that the run names: say --set dataset.path={path} for it, or where the data are."
        )
    return f"There is no file or folder {path}, and the Hugging Face Hub gives no dataset of that name: {text}."
