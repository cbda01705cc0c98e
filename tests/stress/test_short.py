"""The short versions of what ``make stress`` does at length."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
preloaded = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="faults are put in by a C library on Linux"
)


def module(name):
    """A module beside this one, whatever else is called ``tests``."""
    spec = importlib.util.spec_from_file_location(f"stress_{name}", Path(__file__).with_name(f"{name}.py"))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def command(*words):
    done = subprocess.run([sys.executable, "-m", "tests.stress", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@preloaded
def test_writes_that_fail():
    out = command("writes", "--few", "4", "--errors", "ENOSPC", "--commands", "train")
    assert out.splitlines()[-1] == "4 failed calls, 0 of them badly ended"


@preloaded
def test_kills():
    assert command("kills", "--times", "1").splitlines()[-1] == "1 killed, 0 of them badly gone on with"


EXTREMES = "all zero,1e30,two rows,more latents than data,learning rate 1e3"


def test_extreme_numbers(capsys):
    assert module("extremes").main(["--objectives", "elbo", "--tables", EXTREMES]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].endswith(", 0 wrong")
    assert int(out.splitlines()[-1].split()[0]) >= 3, "most of them can be learned from"


@pytest.mark.parametrize("data", ["toy", "gaps"])
def test_the_same_seed_gives_the_same_bytes(capsys, data):
    assert module("determinism").main(["--objectives", "elbo", "--data", data]) == 0
    assert capsys.readouterr().out == "1 same, 0 refused, 0 different\n"


def test_the_list_of_long_versions():
    done = subprocess.run([sys.executable, "-m", "tests.stress"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {
        *("kills", "writes", "extremes", "determinism", "long-runs"),
    }
