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
    label = np.arange(90) % 3
    np.savez(
        tmp_path / "my.npz",
        a=label[:, None] + random.normal(size=(90, 6)),
        b=random.poisson(1 + label[:, None], (90, 4)),
        **{"class": label},
    )
    (tmp_path / "my.yaml").write_text(YAML)
    return tmp_path


# Several trainings, each a fork of one process: what is imported is imported once. What follows a training is brief.
FORKED = """
import os, signal, sys, time
from pathlib import Path
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.models import aggregated, laplace_inference
import mmgen.training.trainer, mmgen.evaluation, mmgen.data.own_table, accelerate, sklearn.cluster, torch._dynamo

aggregated.MOST_ROWS, laplace_inference.STEPS = 15, 2

def forked(words, **environment):
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        os._exit(run_guarded(app, words))
    return child

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
TOGETHER = """
words = sys.argv[sys.argv.index("train"):]
children = [forked([*words, "one"])]
for rank in "01":
    place = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[1])
    children.append(forked([*words, "two"], **place))
sys.exit(max(map(code, children)))
"""
KILLED = """
words = sys.argv[sys.argv.index("train"):]
whole, run = forked([*words, "whole"]), Path("run")
history, checkpoint = run / "history.jsonl", run / "checkpoints" / "last.safetensors"
for epoch in (3, 6):
    child = forked([*words, "run", "--resume"])
    while not (history.exists() and history.read_bytes().count(b"\\n") >= epoch and checkpoint.exists()):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), f"the training ended before epoch {epoch}"
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    assert code(child) == -signal.SIGKILL
    assert not (run / "model.safetensors").exists(), "it was too quick to be killed"
sys.exit(code(forked([*words, "run", "--resume"])) or code(whole))
"""


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
    settings = [word for setting in settings for word in ("--set", setting)]
    finish(start(home, "--epochs", "14", *settings, "--output", launcher=["-c", FORKED + KILLED]))
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
from mmgen import MultimodalVAE, Trainer
from mmgen.testing import toy_data

def work(rank):
    os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[1])
    data = toy_data(rows=40)
    Trainer(epochs=1, batch_size=16).fit(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    print("threads of the group:", sum("gloo" in name for name in names), flush=True)

children = []
for rank in "01":
    children.append(os.fork())
    if children[-1] == 0:
        work(rank)
        sys.exit()  # as any program ends
sys.exit(max(map(code, children)))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list threads")
def test_no_thread_of_the_group_is_left_that_could_abort_when_python_ends(tmp_path, free_ports):
    words = [sys.executable, "-c", FORKED + THREADS, *free_ports(1)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("threads of the group: 0") == 2, done.stdout + done.stderr


@pytest.mark.parametrize("launched", [True, False])
def test_two_processes_give_the_curve_of_one(home, launched, free_ports):
    """As somebody would launch them; and in stages, where none of the four rows of a process has one of the
    modalities.
    """
    words = ["--epochs", "6", "--output"]
    if launched:
        finish(start(home, *words, "one"))
        out, err = finish(start(home, *words, "two", launcher=TWO))
    else:
        settings = ["--set", f"training.stages={STAGES}", "--set", "dataset.missing_rate={b: 0.8}"]
        out, err = finish(start(home, *settings, *words, launcher=["-c", FORKED + TOGETHER, *free_ports(1)]))
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
