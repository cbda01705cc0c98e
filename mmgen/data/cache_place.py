"""Where the cache is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import MmgenError, reason_of


def cache_root() -> Path:
    """``$MMGEN_CACHE``, else ``mmgen`` in the user's cache folder."""
    if "MMGEN_CACHE" in os.environ:
        return Path(os.environ["MMGEN_CACHE"])
    if "XDG_CACHE_HOME" in os.environ:
        return Path(os.environ["XDG_CACHE_HOME"]) / "mmgen"
    try:
        return Path.home() / ".cache" / "mmgen"
    except RuntimeError as error:
        raise MmgenError("There is no home folder for a cache; set MMGEN_CACHE to a folder for it.") from error


def writable(folder: Path) -> Path:
    """The folder, made if need be; one that cannot be written is an error that names the way out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise not_writable(folder, error) from error


def not_writable(folder: Path, error: Exception) -> MmgenError:
    """What is raised where the cache cannot be written, with the way out."""
    reason = reason_of(error)
    return MmgenError(
        f"The cache folder {str(folder)!r} cannot be written ({reason}); set MMGEN_CACHE to one that can."
    )
