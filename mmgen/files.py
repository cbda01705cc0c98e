"""Files that are written whole or not at all.

A file is filled under a temporary name beside its own, flushed to the disk, renamed, and its folder is flushed: whoever
looks sees the old content or the new one, also after a power cut. Temporary files are locked while they are written, so
that those of a process that was killed can be told from those of one at work, and are removed by whoever writes next.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from .errors import WriteError
from .locks import is_held, lock_file

LONGEST_NAME = 200  # bytes of a name that stay in that of its temporary file; file systems allow 255


def real_path(path: str | Path) -> Path:
    """An absolute path without links, also of what is not there, of links that lead to each other, and of the home of
    nobody, of which pathlib makes errors.
    """
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111


def check_regular(path: Path) -> None:
    """Refuse what can be read without end, or never begins: devices and pipes.

    Raises:
        OSError: There is one, or a folder, or nothing.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.ENODEV, "it is a device or a pipe, and no file", str(path))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it to ``path``.

    A symbolic link is followed, a file that is there keeps its mode, and a new one has what the umask leaves. What is
    no regular file, such as ``/dev/stdout``, is written into and never replaced.

    Raises:
        WriteError: The place cannot be written: no space, no right, a folder of that name.
    """
    try:
        mode = _mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            _write_into(path, write)
        else:
            _replace(Path(os.path.realpath(path)), write, mode)
    except (OSError, SafetensorError) as error:
        raise WriteError(path, error) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill, which gets its name when it is full; one that nobody fills any more is removed.

    Args:
        path: Where nothing is, or an empty folder.

    Raises:
        WriteError: The place cannot be written.
    """
    place = Path(os.path.realpath(path))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for other in place.parent.glob(f".{glob.escape(_stem(place.name))}-*.tmp"):
            if other.is_dir() and not other.is_symlink() and _is_temporary(other) and not is_held(other):
                shutil.rmtree(other, ignore_errors=True)
        temporary = place.parent / f".{_stem(place.name)}-{secrets.token_hex(4)}.tmp"
        temporary.mkdir()
    except OSError as error:
        raise WriteError(path, error) from error
    handle = None if os.name == "nt" else os.open(temporary, os.O_RDONLY)
    try:
        if handle is not None:
            lock_file(handle)
        yield temporary
        try:
            if place.is_dir():
                place.rmdir()
            temporary.rename(place)
            _flush_folder(place.parent)
        except OSError as error:
            raise WriteError(path, error) from error
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an NPZ file atomically."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)

    write_atomically(path, write)


def append_text(path: Path, text: str) -> None:
    """Add to a text file at a cost that does not depend on its length; :func:`flush` makes it last.

    Raises:
        WriteError: The place cannot be written; then part of the text may be there.
    """
    try:
        with path.open("ab") as file:
            file.write(text.encode())
    except OSError as error:
        raise WriteError(path, error) from error


def flush(path: Path) -> int:
    """Flush a file and its name to the disk; its size in bytes, 0 where there is none.

    Raises:
        WriteError: The disk does not take it.
    """
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        _flush_folder(path.parent)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise WriteError(path, error) from error
    return size


def cut(path: Path, size: int) -> bool:
    """Take from a file what lies behind its first ``size`` bytes; False where it has not as many.

    Raises:
        WriteError: The place cannot be written.
    """
    there = path.stat().st_size if path.exists() else 0
    if there < size:
        return False
    try:
        if there > size:
            os.truncate(path, size)
        if size == 0:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error
    return True


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove temporary files that a killed process has left in a folder, and unless only those of the file ``name`` are
    meant, in the folders in it.
    """
    pattern = f".{'' if name is None else _stem(name)}"
    for path in folder.rglob(".*.tmp") if name is None else folder.iterdir():
        if path.name.startswith(pattern) and path.is_file() and _is_temporary(path) and not is_held(path):
            path.unlink(missing_ok=True)


def _is_temporary(path: Path) -> bool:
    """Whether a name is one of those that are given here."""
    return re.search(r"-[0-9a-f]{8}\.tmp$", path.name) is not None


def _mode(path: Path) -> int | None:
    """The mode of what a path leads to; None where nothing is there.

    ``/dev/stdout`` may lead to a regular file, which somebody has open and nobody can replace for them.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    return stat.S_IFCHR if path.is_absolute() and path.parts[1:2] == ("dev",) and stat.S_ISREG(mode) else mode


def _write_into(path: Path, write: Callable[[Path], object]) -> None:
    """Write into what is there and is no file: a device, a pipe."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "content"
        write(temporary)
        with temporary.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)


def _replace(path: Path, write: Callable[[Path], object], mode: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    sweep(path.parent, path.name)
    temporary = path.parent / f".{_stem(path.name)}-{secrets.token_hex(4)}.tmp"
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600)
    try:
        lock_file(handle)
        write(temporary)
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))  # noqa: PTH101 - as everything else here
        os.fsync(handle)
        temporary.replace(path)
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _stem(name: str) -> str:
    """What the name of a temporary file begins with, after its dot."""
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:40]


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder, where the system can and this user may."""
    if os.name == "nt":
        return
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)
