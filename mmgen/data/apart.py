"""Files for parsers in C that a damaged one can crash, read in another process: what ends it is an error here.

``scipy.io.loadmat`` reads beyond its memory where one size in a MATLAB file is another; HDF5 and Arrow's reader of JSON
have such places too.
One process is started where the first such file is read, and reads each file in a child with limits of memory and time.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..files import real_path

ROOM, TIMES = 2**30, 16  # bytes that a parser may take, and how many times the size of its file beside them
SECONDS, RATE = 10, 2**22  # of its time, and bytes of the file for which it has another one
_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None
_owner = 0  # the process that started it


class ApartError(Exception):
    """What the parser raised of a file, or that it ended its process; ``kind`` is the name of the exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_arrays_apart(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers and of texts in a MATLAB file, by name.

    Raises:
        ApartError: Whatever the parser makes of it.
        OSError: The file cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "arrays.npz"
        _ask("matlab", path, result)
        with np.load(result, allow_pickle=False) as file:
            names = json.loads(file["arr_0"].item())
            return {name: file[f"arr_{number}"] for number, name in enumerate(names, 1)}


def check_hdf5(path: Path) -> None:
    """Read everything in an HDF5 file once, where a crash harms nobody.

    Raises:
        ApartError: Whatever the parser makes of it.
        OSError: The file cannot be read.
    """
    _ask("hdf5", path, path)


def read_rows_apart(path: str, subset: str | None, result: Path, *, online: bool) -> None:
    """Write the rows that the package ``datasets`` finds in a folder, or on the Hub, into an Arrow file.

    Args:
        path: Of the folder, or the name on the Hub.
        subset: Of a dataset that has some.
        result: The file to write.
        online: Whether anything may be fetched; such a reading has no limits, since nobody knows how large it is.

    Raises:
        ApartError: Whatever the package makes of it.
    """
    place = Path(path)
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    where = str(real_path(path)) if place.exists() else path
    _send("rows", [where, str(result), subset, online], None if online else size)


def _ask(reader: Literal["matlab", "hdf5"], path: Path, result: Path) -> None:
    with path.open("rb"):
        size = path.stat().st_size
    _send(reader, [str(real_path(path)), str(result)], size)


def _send(reader: str, arguments: list[Any], size: int | None) -> None:
    """Let the process call a reader; of a file of unknown size without limits."""
    limits = None if size is None else [ROOM + TIMES * size, SECONDS + size // RATE]
    with _lock:
        process = _running()
        assert process.stdin is not None
        assert process.stdout is not None
        line = ""
        try:
            process.stdin.write(json.dumps([reader, arguments, limits]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:  # it is gone
            pass
        finally:
            if not line or not hasattr(os, "fork"):  # whoever waited was interrupted, and the next one must not get
                _stop()  # this answer; or what it was told for this file would stay
    answer = json.loads(line) if line else ["Ended", "the process that read it was ended"]
    if answer is not None:
        raise ApartError(*answer)


def _running() -> subprocess.Popen[str]:
    global _process, _owner
    if _process is None or _process.poll() is not None or _owner != os.getpid():
        _stop()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        _process, _owner = (
            subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("apart_process.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=environment,
                start_new_session=True,  # an interrupt of the keyboard is for whoever reads
            ),
            os.getpid(),
        )
    return _process


def _stop() -> None:
    """End the process, if there is any; one of the process that this one was forked from is left to that."""
    global _process
    process, _process = _process, None
    if process is None:
        return
    if _owner == os.getpid():
        _terminate(process)  # another child of this process may hold its pipes
        process.wait()
    else:
        process.returncode = 0  # nothing to wait for
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent to one that is gone
                pipe.close()


def _terminate(process: subprocess.Popen[str]) -> None:
    """End a process and the child in which it reads a file."""
    if hasattr(os, "killpg") and process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)  # the group is its own
    else:
        process.terminate()


atexit.register(_stop)
