"""``mmgen --version`` and ``mmgen doctor``."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from mmgen.cli import doctor


@pytest.fixture
def machine(monkeypatch):
    """Says what the machine is, and how long steps take on it."""
    here = dict(
        {"cores": 2.0, "load": 0.5, "threads of PyTorch": 2, "OMP_NUM_THREADS": None, "computes in bfloat16": True},
        **{"GPUs": ["one"], "cache": "/c", "free for the cache": 2**40},
    )
    seconds = {"several": 0.6, "bfloat16": 0.9}

    def step_seconds(width, threads, dtype=None):
        return seconds["bfloat16"] if dtype is not None else seconds["several"] if threads > 1 else 1.0

    monkeypatch.setattr(doctor, "_machine", lambda: here)
    monkeypatch.setattr(doctor, "step_seconds", step_seconds)
    monkeypatch.setattr(doctor, "list_plugins", list)
    monkeypatch.setattr("torch.get_num_threads", lambda: here["threads of PyTorch"])
    return here, seconds


def findings(command_line):
    code, out, err = command_line("doctor", "--json")
    assert code == 0, err
    return json.loads(out)["findings"]


def test_the_version_is_printed_without_pytorch():
    code = (
        "import sys, json\nfrom mmgen.cli.app import app\nfrom mmgen.cli.guarded import run_guarded\n"
        "code = run_guarded(app, ['--version'])\n"
        "print(json.dumps([code, [m for m in sys.modules if m in ('torch', 'numpy', 'pandas', 'rich.table')]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, rest = done.stdout.splitlines()
    assert said == f"mmgen {version('mmgen-core')}"
    assert json.loads(rest) == [0, []]


def test_threads_wait_without_keeping_cores_unless_somebody_says_otherwise():
    """OpenMP reads it when PyTorch is loaded, so it is set before."""
    code = "import os, sys, mmgen.cli\nsys.argv = ['mmgen', '--version']\ntry:\n    mmgen.cli.main()\n"
    code += "except SystemExit:\n    print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    rest = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for given, expected in (({}, "passive False"), ({"OMP_WAIT_POLICY": "active"}, "active False")):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**rest, **given}
        )
        assert done.stdout.splitlines()[-1] == expected


def test_what_is_here_is_shown(command_line):
    code, out, err = command_line("doctor")
    assert code == 0, err
    for words in ("versions", "mmgen-core", version("torch"), "cores", "OMP_NUM_THREADS", "bfloat16", "milliseconds"):
        assert words in out


def test_nothing_is_wrong_where_nothing_is(machine, command_line):
    assert findings(command_line) == []
    assert "Nothing is wrong here." in command_line("doctor")[1]


@pytest.mark.parametrize(
    ("here", "seconds", "sentence"),
    [
        ({"load": 7.34}, {}, "The machine is busy: 7.3 processes want 2 cores"),
        ({}, {"several": 20.0}, "2 threads are 20.0 times slower than one here, since they wait for each other"),
        ({"threads of PyTorch": 8}, {}, "PyTorch takes 8 threads for 2 cores; set OMP_NUM_THREADS to less."),
        ({"threads of PyTorch": 1, "OMP_NUM_THREADS": "1"}, {}, "One thread is used of 2 cores: OMP_NUM_THREADS is 1"),
        ({"computes in bfloat16": False}, {"bfloat16": 9.0}, "bfloat16 is slower than float32, as this processor imit"),
        ({}, {"bfloat16": 1.5}, "bfloat16 is slower than float32, as this processor is no quicker at it"),
        ({"GPUs": []}, {}, "There is no GPU that PyTorch can use"),
        ({"free for the cache": 2**29}, {}, "Only 0.5 GB are free for the cache, /c; MMGEN_CACHE puts it elsewhere."),
    ],
)
def test_what_is_slow_is_said_with_its_reason(machine, command_line, here, seconds, sentence):
    machine[0].update(here)
    machine[1].update(seconds)
    (found,) = findings(command_line)
    assert found.startswith(sentence)


@pytest.mark.parametrize(("policy", "advice"), [("active", True), ("passive", False)])
def test_threads_that_keep_their_cores_are_told_apart(machine, command_line, monkeypatch, policy, advice):
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    machine[1]["several"] = 20.0
    (found,) = findings(command_line)
    assert ("OMP_WAIT_POLICY=passive" in found) is advice and "--set training.threads=1" in found


def test_a_plugin_that_fails_is_named_with_its_reason(install, command_line):
    install("mmgen-plugin-x", {"mmgen.priors": {"odd": "odd_module:Odd"}}, {"odd_module": "import nothing_like_this"})
    code, out, err = command_line("doctor", "--json")
    found = json.loads(out)
    assert code == 0, err
    (broken,) = found["plugins"]["broken"]
    assert "mmgen-plugin-x" in broken and "nothing_like_this" in broken
    assert f"A plugin is broken: {broken}" in found["findings"]
