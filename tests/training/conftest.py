"""What tests of trainings share: a training that is stopped within an epoch, and goes on."""

import itertools
import json
import os
import signal
import socket

import pytest
import torch
from safetensors.torch import load_file

from mmgen import Trainer, hookimpl
from mmgen.registry import hooks as hooks_module
from mmgen.testing import toy_data
from mmgen.training import TrainingStopped


@pytest.fixture(scope="session")
def free_ports():
    """As many ports as are asked for, which nobody listens at, below those that systems give to whoever connects."""
    places = itertools.count(20000 + os.getpid() * 37 % 12000)

    def is_free(port):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) != 0

    return lambda number: [str(port) for port in itertools.islice(filter(is_free, places), number)]


@pytest.fixture
def data():
    return toy_data(rows=40)


class StopAfter:
    """A hook that asks for a stop at the end of an epoch, which is seen after the first step of the next one."""

    def __init__(self, epoch):
        self.epoch = epoch

    @hookimpl
    def mmgen_epoch_end(self, record):
        if record["epoch"] == self.epoch:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def resumed(data, tmp_path, monkeypatch):
    """Trains once as a whole, and once stopped within an epoch and resumed, and compares what both have written: model,
    checkpoint and validations. The folder of the first one.
    """

    def compare(make, *, after=1, **options):
        whole, run = tmp_path / "whole", tmp_path / "run"
        trainer = Trainer(**{"epochs": 2, "batch_size": 10, "checkpoint_seconds": 0, **options})
        trainer.fit(make(data), data, str(whole))
        real = hooks_module.Hooks
        with monkeypatch.context() as patch:
            patch.setattr("mmgen.training.session.Hooks", lambda: real({"test": StopAfter(after)}))
            with pytest.raises(TrainingStopped):
                trainer.fit(make(data), data, str(run))
        assert "random/cpu" in load_file(run / "checkpoints" / "last.safetensors"), "the stop was within an epoch"
        trainer.fit(make(data), data, str(run), resume=True)
        assert (whole / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
        one, two = (load_file(folder / "checkpoints" / "last.safetensors") for folder in (whole, run))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)
        first, second = (
            [json.loads(line)["val"] for line in (folder / "history.jsonl").read_text().splitlines()]
            for folder in (whole, run)
        )
        assert first == second
        return whole

    return compare
