"""Locks that the system takes back from a process that is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where FileLock does without
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # in a folder, where folders cannot be locked themselves


class LockedError(Exception):
    """Somebody else is at work there."""


def lock_file(handle: int) -> None:
    """Hold an open file, or a folder, until it is closed; nothing where the system cannot."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: Path) -> bool:
    """Whether a process at work holds a file or a folder by :func:`lock_file`; also where nobody can tell."""
    if fcntl is None:
        return True
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold a folder; the lock leaves no file behind where folders can be locked, which network file systems cannot.

    Raises:
        LockedError: Another process holds it.
    """
    if fcntl is None:
        with _locked_by_a_file(folder):
            yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise LockedError from error
            with _locked_by_a_file(folder):
                yield
            return
        yield
    finally:
        os.close(handle)


@contextmanager
def _locked_by_a_file(folder: Path) -> Iterator[None]:
    try:
        lock = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout as error:
        raise LockedError from error
    with lock:
        yield
