"""The short version of ``python -m tests.stress mutated``, and faults that it must catch."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.stress import mutated
from tests.stress.parsers import PARSERS, Parser


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_input_is_read_or_is_a_sentence(name):
    counts, finds = mutated.try_parser(name, 80 if PARSERS[name].quick else 15, seed=1)
    assert not finds, "\n".join(f"{find.number}: {find.what}" for find in finds)
    assert counts["sentence"] > 0, "no damage was noticed"


def _sample(folder: Path) -> Path:
    path = folder / "sample.txt"
    path.write_text("a sample", encoding="utf-8")
    return path


def _raise(path: Path) -> None:
    raise KeyError(path.name)


def _fetch(path: Path) -> None:
    with socket.socket() as connection:
        connection.settimeout(0.01)
        try:
            connection.connect(("127.0.0.1", 9))
        except OSError:
            return


def _grow(path: Path) -> None:
    bytearray(64 * 2**30)  # of addresses: a process that ran other tests may give back some, so that little would fit


FAULTS = {
    "an error that is no sentence": (_raise, "KeyError"),
    "a crash": (lambda path: os.kill(os.getpid(), signal.SIGSEGV), "ended the process (-11)"),
    "a command": (lambda path: os.system("true"), "not allowed: os.system"),
    "a connection": (_fetch, "not allowed: socket.connect"),
    "a file elsewhere": (lambda path: Path(path.parents[2] / "evil").write_text("x"), "not allowed: wrote"),
    "a file left behind": (lambda path: path.with_name("left").write_text("x"), "left a file behind"),
    "a loop without end": (lambda path: [None for _ in iter(int, 1)], "took more than"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, monkeypatch):
    read, what = FAULTS[fault]
    monkeypatch.setattr(mutated, "SECONDS", 0.2)

    def only_damaged(path: Path) -> None:
        if path.read_bytes() != b"a sample":
            read(path)

    monkeypatch.setitem(PARSERS, "faulty", Parser(_sample, only_damaged))
    counts, finds = mutated.try_parser("faulty", 3)
    assert counts["fault"] > 0
    assert all(find.what.startswith(what) for find in finds), finds


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setitem(
        PARSERS, "faulty", Parser(_sample, lambda path: path.read_bytes() == b"a sample" or _grow(path))
    )
    counts, finds = mutated.try_parser("faulty", 3)
    assert not finds
    assert counts["sentence"] > 0  # that there is not enough memory
