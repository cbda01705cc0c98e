"""Commands in forked processes, whose n-th change of a file fails, or is where they are killed.

A shared library, compiled here and loaded before the C library (``LD_PRELOAD``), counts the calls below one folder that
open, write, flush, rename and make files, of Python's and of every other library. What cannot be preloaded (no C
compiler, no Linux) is not tried.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def able():
    """Whether faults can be put in here."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def run_preloaded(module, words, folder, timeout=None):
    """Run ``python -m MODULE WORDS`` with the library loaded, from the root of the repository."""
    library = Path(folder) / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, HERE / "shim.c", "-ldl"], check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "OMP_NUM_THREADS": "1",
        "MMGEN_FAULTS": str(library),
        "HF_HUB_OFFLINE": "1",
    }
    words = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.run(words, cwd=ROOT, env=environment, timeout=timeout).returncode


@dataclass
class Ended:
    """How a forked command ended: its exit code (negative: the signal), what it said, and how many calls it made."""

    code: int | None
    said: str
    calls: int
    struck: str


def forked(words, home, *, below, at=0, number=0, after=None):
    """Run a command of mmgen in a fork of this process.

    Args:
        words: Of the command line.
        home: Where it runs, and where ``cache`` is.
        below: The folder of which changes count.
        at: The one that fails; 0: none.
        number: The error; 0: the process is killed.
        after: Seconds after which it is killed.
    """
    child = _fork(words, home, 0, below, at, number)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return _ended(home, 0, status)


def forked_together(words, home, processes, *, below, whose=0, at=0, after=None, patience=None):
    """Run a command of mmgen in so many forks that train together, one of which may be killed.

    Args:
        words: Of the command line.
        home: Where they run.
        processes: How many.
        below: The folder of which changes count.
        whose: The process that is killed: at a change, or after so many seconds.
        at: The change; 0: none.
        after: The seconds.
        patience: Seconds within which the others are to end after that one; who has not is killed, and its code is
            None.

    Returns:
        How each of them ended, in their order.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    children = {}
    for rank in range(processes):
        environment = {**together, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        children[_fork(words, home, rank, below, at if rank == whose else 0, 0, environment)] = rank
    began, first = time.monotonic(), None
    ended, late = {}, set()
    while len(ended) < processes:
        child, status = os.waitpid(-1, os.WNOHANG)
        now = time.monotonic()
        if child:
            ended[children[child]] = status
            first = first or now
            continue
        waiting = [child for child, rank in children.items() if rank not in ended]
        if after is not None and now - began > after:
            after = None
            for child in waiting:
                if children[child] == whose:
                    os.kill(child, signal.SIGKILL)
        if patience is not None and first is not None and now - first > patience:
            for child in waiting:
                late.add(children[child])
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    found = [_ended(home, rank, ended[rank]) for rank in range(processes)]
    return [replace(each, code=None) if rank in late else each for rank, each in enumerate(found)]


def _fork(words, home, rank, below, at, number, environment=None):
    """The number of a process that runs a command; what it says, and how many calls it makes, are written beside."""
    from mmgen.cli import app
    from mmgen.cli.guarded import run_guarded

    shim = ctypes.CDLL(os.environ["MMGEN_FAULTS"])
    shim.fault_what.restype = ctypes.c_char_p
    said, told = _beside(home, rank)
    told.write_text("0 ")
    child = os.fork()
    if child == 0:
        os.chdir(home)
        os.environ.update(environment or {}, MMGEN_CACHE=str(home / "cache"))
        if environment:
            from accelerate.state import AcceleratorState

            AcceleratorState._reset_state(reset_partial_state=True)  # what was warmed was one process
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - until it ends
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        shim.fault_arm(str(below).encode(), ctypes.c_long(at), number)
        code = 70
        try:
            code = run_guarded(app, [str(word) for word in words])
        finally:
            calls, struck = shim.fault_count(), shim.fault_what().decode()
            shim.fault_arm(b"", ctypes.c_long(0), 0)
            told.write_text(f"{calls} {struck}")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def _beside(home, rank):
    return home.parent / f"said-{rank}.txt", home.parent / f"told-{rank}.txt"


def _ended(home, rank, status):
    said, told = _beside(home, rank)
    calls, _, struck = told.read_text().partition(" ")
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), int(calls), struck)


def prepared(home):
    """A folder with a table and its description."""
    from mmgen.testing import write_toy_table

    home.mkdir(parents=True)
    write_toy_table(home, rows=40)
    return home


def warmed(folder, *commands):
    """Run commands here once, so that what they import is there before they are forked."""
    from mmgen.cli import app
    from mmgen.cli.guarded import run_guarded

    home, before = prepared(Path(folder) / "warm"), Path.cwd()
    os.chdir(home)
    os.environ["MMGEN_CACHE"] = str(home / "cache")
    for words in commands:
        assert run_guarded(app, [str(word) for word in words]) == 0
    os.chdir(before)


TRAIN = (
    *("train", "--objective", "elbo", "--dataset", "table", "--set", "dataset.config=my.yaml", "--output", "r"),
    *("--latent-dim", "2", "--batch-size", "16", "--epochs", "3", "--set", "training.checkpoint_seconds=0"),
    *("--set", "modalities.all.dropout=0", "--set", "training.select=last"),
    *("--set", "training.stages=[{epochs: 1, train: [decoders]}, {}]"),
)


def contents(folder):
    """Every file below a folder by its name, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
