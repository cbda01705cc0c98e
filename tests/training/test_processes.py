"""Trainings as processes: killed and resumed, stopped by a signal, and on two processes at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

YAML = """
path: my.npz
label: class
modalities:
  a: {array: a, kind: vector, hidden: [16], dropout: 0}
  b: {array: b, kind: counts, hidden: [16], dropout: 0}
"""
WORDS = [
    "-m",
    "mmgen",
    "train",
    "--objective",
    "elbo",
    "--aggregator",
    "mopoe",
    "--dataset",
    "table",
    "--set",
    "dataset.config=my.yaml",
]
WORDS += [
    "--set",
    "training.checkpoint_seconds=0",
    "--set",
    "training.gradient_clip=1",
    "--set",
    "training.schedule=cosine",
    "--batch-size",
    "8",
]


@pytest.fixture
def home(tmp_path):
    import numpy as np

    random = np.random.default_rng(0)
    label = np.arange(150) % 3
    np.savez(
        tmp_path / "my.npz",
        a=label[:, None] + random.normal(size=(150, 6)),
        b=random.poisson(1 + label[:, None], (150, 4)),
        **{"class": label},
    )
    (tmp_path / "my.yaml").write_text(YAML)
    return tmp_path


def start(home, *words, launcher=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MMGEN_CACHE": str(home / "cache")}
    command = [sys.executable, *launcher, *WORDS, *words]
    return subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process, code=0):
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, out + err
    return out, err


def wait_for_epoch(folder, process, epoch):
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        path = folder / "history.jsonl"
        if (
            path.exists()
            and len(path.read_text().splitlines()) >= epoch
            and (folder / "checkpoints" / "last.safetensors").exists()
        ):
            return
        time.sleep(0.005)
    raise AssertionError(f"the training ended before epoch {epoch}: {process.communicate()}")


OTHERS = ["training.optimizer=RAdam", "training.average=0.9", "training.groups=[{of: [encoders], learning_rate: 0.01}]"]


@pytest.mark.parametrize("settings", [[], OTHERS], ids=["adam", "others"])
def test_killed_twice_and_resumed_it_ends_bit_for_bit_where_it_would_have(home, settings):
    words = ["--epochs", "40", *(word for setting in settings for word in ("--set", setting)), "--output"]
    finish(start(home, *words, "whole"))
    for epoch in (3, 12):
        process = start(home, *words, "run", "--resume")
        wait_for_epoch(home / "run", process, epoch)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (home / "run" / "model.safetensors").exists(), "it was too quick to be killed"
    finish(start(home, *words, "run", "--resume"))
    assert (home / "run" / "model.safetensors").read_bytes() == (home / "whole" / "model.safetensors").read_bytes()
    one, two = (
        [json.loads(line) for line in (home / name / "history.jsonl").read_text().splitlines()]
        for name in ("whole", "run")
    )
    assert [(r["epoch"], r["train"], r["val"]) for r in one] == [(r["epoch"], r["train"], r["val"]) for r in two]
    assert not list((home / "run").rglob("*.tmp")), "a half-written file was left behind"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_code_and_a_sentence(home, number, code):
    process = start(home, "--epochs", "5000", "--output", "run")
    wait_for_epoch(home / "run", process, 2)
    process.send_signal(number)
    _, err = finish(process, code)
    assert err.strip().splitlines() == [
        f"mmgen: Training was stopped by {number.name}. A checkpoint is in 'run'; --resume goes on from it."
    ]
    assert (home / "run" / "checkpoints" / "last.safetensors").exists()
    assert not list((home / "run").rglob("*.tmp"))


STAGES = "[{epochs: 3, train: [decoders]}, {train: [encoders, decoders.b]}]"


TWO = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(20000 + os.getpid() % 20000)]
THREADS = """
from pathlib import Path
from mmgen import MultimodalVAE, Trainer
from mmgen.testing import toy_data
data = toy_data(rows=40)
Trainer(epochs=1, batch_size=16).fit(MultimodalVAE.create("elbo", data, latent_dim=2), data)
names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
print("threads of the group:", sum("gloo" in name for name in names))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list threads")
def test_no_thread_of_the_group_is_left_that_could_abort_when_python_ends(tmp_path):
    (tmp_path / "threads.py").write_text(THREADS)
    words = [sys.executable, *TWO, "threads.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.stdout.count("threads of the group: 0") == 2, done.stdout + done.stderr


# One process, and two forks of one that train together: what is imported is imported once.
FORKS = """
import os, sys
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
import mmgen.training.trainer, mmgen.evaluation, mmgen.data.own_table

def forked(words, **environment):
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        os._exit(run_guarded(app, words))
    return child

port, words = sys.argv[1], sys.argv[4:]  # without -m mmgen
children = [forked([*words, "one"])]
for rank in "01":
    place = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    children.append(forked([*words, "two"], **place))
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.parametrize(("stages", "missing"), [("[]", 0), (STAGES, 0), ("[]", "{b: 0.8}")])
def test_two_processes_give_the_curve_of_one(home, stages, missing):
    """Also where none of the four rows of a process has one of the modalities."""
    words = [
        "--epochs",
        "6",
        "--set",
        f"training.stages={stages}",
        "--set",
        f"dataset.missing_rate={missing}",
        "--output",
    ]
    if stages == "[]" and not missing:  # as somebody would launch them
        finish(start(home, *words, "one"))
        out, err = finish(start(home, *words, "two", launcher=TWO))
    else:
        port = str(20000 + (os.getpid() + 977) % 20000)
        out, err = finish(start(home, *words, launcher=["-c", FORKS, port]))
    assert out.count("Run: two") == 1, out + err
    one, two = (
        [json.loads(line) for line in (home / name / "history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    for a, b in zip(one, two, strict=True):
        for part in ("train", "val"):
            assert a[part] == pytest.approx(b[part], rel=2e-4), part
    ours, theirs = (load_file(home / name / "model.safetensors") for name in ("one", "two"))
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=5e-3, atol=5e-4)
    assert json.loads((home / "two" / "environment.json").read_text())["processes"] == 2
