"""Damaged inputs for every parser: no traceback, no crash, at most 2 GB and 10 s each, nothing run, nothing written.

``python -m tests.stress mutated [PARSER …] [--count 10000] [--first 0] [--seed 0]``; without parsers, all.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmgen.cli.guarded import is_sentence
from mmgen.errors import shortened

from .mutating import mutated
from .parsers import PARSERS, Parser

MEMORY, SECONDS = 2 * 2**30, 10
WAITING = 60  # times as long on the clock, where a child computes nothing
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "os.startfile", "socket.connect", "socket.getaddrinfo")
OURS = ("apart_process.py", "ldconfig")  # a parser of its own process, and how Python finds libraries of the system
_watched: list[Any] = []  # where there is a list, what happened that must not
_allowed: list[Path] = []


@dataclass(frozen=True)
class Find:
    """A damaged input that did what none may do."""

    number: int
    what: str


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or _watched[0] is None:
        return
    if event in RUNNING or (event == "subprocess.Popen" and not any(name in str(arguments[1]) for name in OURS)):
        _watched[0].append(f"{event}{str(arguments)[:120]}")
    elif event == "open" and isinstance(arguments[0], str | bytes | Path) and _writes(arguments[1], arguments[2]):
        place = Path(os.path.realpath(os.fsdecode(arguments[0])))
        if not any(place.is_relative_to(folder) for folder in _allowed) and place != Path(os.devnull):
            _watched[0].append(f"wrote {place}")


def _writes(mode: Any, flags: Any) -> bool:
    return (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or bool(
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )


@contextmanager
def watching(folder: Path) -> Iterator[list[str]]:
    """What is run, fetched or written outside a folder, as a list that grows."""
    if not _watched:
        _watched.append(None)
        sys.addaudithook(_watch)
    found: list[str] = []
    _allowed[:] = [Path(os.path.realpath(folder))]
    _watched[0] = found
    try:
        yield found
    finally:
        _watched[0] = None


def outcome(parser: Parser, sample: Path, number: int, seed: int, folder: Path) -> str:
    """What comes of one damaged input: ``read``, ``sentence``, or what must not be."""
    place = folder / sample.name
    if sample.is_dir():
        shutil.copytree(sample, place)
    else:
        shutil.copy(sample, place)
    random = np.random.default_rng([seed, number])
    files = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    for file in [files[int(random.integers(len(files)))]]:
        file.write_bytes(mutated(file.read_bytes(), random))
    before = sorted(folder.rglob("*")) if not place.is_dir() else []
    with watching(folder.parent) as happened:  # where the cache is too
        try:
            parser.read(place)
            result = "read"
        except Exception as error:
            text = shortened(str(error))
            result = "sentence" if is_sentence(error) and len(text) < 3000 else f"{type(error).__name__}: {text[:200]}"
    if happened:
        return f"not allowed: {happened[0]}"
    if place.is_dir() is False and [each for each in sorted(folder.rglob("*")) if each not in before]:
        return "left a file behind"
    return result


def attempts(parser: Parser, sample: Path, numbers: range, seed: int, work: Path) -> Iterator[tuple[int, str]]:
    """Each number with what came of it; a child that ended is one of them, and another goes on."""
    first = numbers.start
    while first < numbers.stop:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(parser, sample, range(first, numbers.stop), seed, work, writing)
        os.close(writing)
        with open(reading, encoding="utf-8") as pipe:
            for line in pipe:
                number, result = json.loads(line)
                yield number, result
                first = number + 1
        _, status = os.waitpid(child, 0)
        if first < numbers.stop:
            code = os.waitstatus_to_exitcode(status)
            slow = {-signal.SIGPROF: f"took more than {SECONDS} s", -signal.SIGALRM: "waited without end"}
            ended = slow.get(code, f"ended the process ({code})")
            yield first, ended
            first += 1


def _child(parser: Parser, sample: Path, numbers: range, seed: int, work: Path, writing: int) -> None:
    code = 1
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
        sys.dont_write_bytecode = True  # of modules that only a damaged input needs
        gc.collect()  # what is given back later would count as room
        held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        faulthandler.disable()  # a crash is told by the one who waits
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for each in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(each, signal.SIG_DFL)
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            for number in numbers:
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                signal.setitimer(signal.ITIMER_REAL, WAITING * SECONDS)
                folder = Path(tempfile.mkdtemp(dir=work))
                result = outcome(parser, sample, number, seed, folder)
                signal.setitimer(signal.ITIMER_PROF, 0)
                shutil.rmtree(folder, ignore_errors=True)
                pipe.write(json.dumps([number, result]) + "\n")
                pipe.flush()
        code = 0
    finally:
        os._exit(code)


def try_parser(name: str, count: int, seed: int = 0, first: int = 0) -> tuple[Counter[str], list[Find]]:
    """So many damaged inputs of one parser: how often what came of them, and those that did what none may do."""
    torch.set_num_threads(1)  # a pool of threads does not live on in a child
    parser, counts, finds = PARSERS[name], Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(os.path.realpath(folder)) / "work"
        work.mkdir()
        os.environ["MMGEN_CACHE"] = str(work / "cache")
        tempfile.tempdir, before = str(work), tempfile.tempdir
        try:
            (Path(folder) / "sample").mkdir()
            sample = parser.write(Path(folder) / "sample")
            parser.read(sample)
            for number, result in attempts(parser, sample, range(first, first + count), seed, work):
                counts[result if result in ("read", "sentence") else "fault"] += 1
                if result not in ("read", "sentence"):
                    finds.append(Find(number, result))
        finally:
            tempfile.tempdir = before
    return counts, finds


def main(arguments: list[str]) -> int:
    """Try parsers, and print a line for each and one for each find."""
    words = argparse.ArgumentParser(prog="python -m tests.stress mutated", description=__doc__)
    words.add_argument("parsers", nargs="*", default=[], choices=[[], *PARSERS])
    words.add_argument("--count", type=int, default=10_000)
    words.add_argument("--first", type=int, default=0, help="number of the first one; a long go can be had in parts")
    words.add_argument("--seed", type=int, default=0)
    chosen = words.parse_args(arguments)
    faults = 0
    for name in chosen.parsers or list(PARSERS):
        start = time.process_time() + sum(os.times()[2:4])
        counts, finds = try_parser(name, chosen.count, chosen.seed, chosen.first)
        used = time.process_time() + sum(os.times()[2:4]) - start
        parts = ", ".join(f"{counts[what]} {what}" for what in ("read", "sentence", "fault"))
        print(f"{name}: {parts}; {used:.0f} s of CPU", flush=True)
        for find in finds[:20]:
            print(f"  {find.number}: {find.what}", flush=True)
        faults += len(finds)
    return 1 if faults else 0
