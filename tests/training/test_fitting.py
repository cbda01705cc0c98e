"""Trainings of so many minutes: epochs that fit by measured steps, kept as their number, and nothing else changed."""

import time

import pytest
import torch

from mmgen import MmgenError, MultimodalVAE, Trainer, train
from mmgen.testing import toy_data
from mmgen.training import TrainingConfig, fitting
from mmgen.training.fitting import epoch_seconds, within_minutes


@pytest.fixture(scope="module")
def data():
    return toy_data(rows=60)


def model_of(data, objective="elbo"):
    return MultimodalVAE.create(objective, data, latent_dim=2)


def test_epochs_are_those_that_fit(data, monkeypatch):
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *_: 2.0)
    found = within_minutes(TrainingConfig(minutes=5, batch_size=7), model_of(data), data)
    assert (found.epochs, found.minutes, found.batch_size) == (117, None, 7)
    assert within_minutes(TrainingConfig(minutes=5), model_of(data), data, done=100).epochs == 217
    assert within_minutes(TrainingConfig(minutes=1e-3), model_of(data), data).epochs == 1
    staged = TrainingConfig(minutes=1e-3, stages=[{"epochs": 9}, {}])
    assert within_minutes(staged, model_of(data), data).epochs == 2
    untouched = TrainingConfig(epochs=3)
    assert within_minutes(untouched, model_of(data), data) is untouched


STAGES = [{"epochs": 20}, {"epochs": 60, "train": ["decoders"]}, {"train": ["encoders"]}]


@pytest.mark.parametrize(
    ("minutes", "epochs", "lengths"),
    [(1e-3, 3, [1, 1, None]), (1, 23, [3, 10, None]), (6, 140, [20, 60, None]), (60, 1404, [201, 602, None])],
)
def test_stages_keep_their_shares_of_the_minutes(data, monkeypatch, minutes, epochs, lengths):
    """140 epochs take 140 · 2 s / 0.78 = 6 minutes."""
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *_: 2.0)
    staged = TrainingConfig(epochs=140, minutes=minutes, stages=STAGES)
    found = within_minutes(staged, model_of(data), data)
    assert found.epochs == epochs and [stage.epochs for stage in found.stages] == lengths
    assert [stage.train for stage in found.stages] == [(), ("decoders",), ("encoders",)]


def test_each_stage_takes_what_its_steps_take(data, monkeypatch):
    """20 epochs of 1 s, 60 of 2 s and 60 of 4 s, of 140 in all; and what is added is of the last."""
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *of: (1.0, 2.0, 4.0)[of[-1]])
    staged = TrainingConfig(epochs=140, minutes=10, stages=STAGES)
    epochs = int(600 * 0.78 / (380 / 140))
    assert within_minutes(staged, model_of(data), data).epochs == epochs == 172
    resumed = within_minutes(staged, model_of(data), data, 172, [25, 74, None])
    assert resumed.epochs == 172 + int(600 * 0.78 / 4)
    assert [stage.epochs for stage in resumed.stages] == [25, 74, None]


def test_only_what_learns_in_a_stage_is_stepped(data, monkeypatch):
    learned = []

    class Steps(fitting.Adam):
        def __init__(self, parameters, **rest):
            learned.append(sum(parameter.numel() for parameter in parameters))
            super().__init__(parameters, **rest)

    monkeypatch.setattr(fitting, "Adam", Steps)
    model = model_of(data)
    for stage in range(3):
        assert epoch_seconds(TrainingConfig(epochs=140, stages=STAGES), model, data, stage) > 0
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model, model.decoders, model.encoders)]
    assert learned == sizes and all(parameter.requires_grad for parameter in model.parameters())


def test_a_resumed_training_of_stages_goes_on_with_the_last_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *_: 10.0)
    stages = [{"epochs": 50, "train": ["decoders"]}, {}]
    words = {"minutes": 1, "latent_dim": 2, "output": tmp_path / "run", "quiet": True, "stages": stages}
    for total in (4, 8):
        run = train("elbo", "rats", resume=total == 8, **words)
        assert [record["stage"] for record in run.history] == [1, 1, *[2] * (total - 2)]
    with pytest.raises(MmgenError, match=r"started with training\.stages"):
        train("elbo", "rats", resume=True, **{**words, "minutes": None})


def test_an_epoch_takes_what_its_steps_take(data, monkeypatch):
    now = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(now)))
    model = model_of(data)
    steps = -(-len(data.train) // 8)
    seconds = epoch_seconds(TrainingConfig(batch_size=8, validate_every=2), model, data)
    assert seconds == pytest.approx(steps + len(data.val) / min(8, len(data.val)) / 2)


def test_measuring_leaves_no_trace(data):
    model = model_of(data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.get_rng_state()
    within_minutes(TrainingConfig(minutes=1e-3), model, data)
    assert torch.equal(torch.get_rng_state(), expected)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_run_has_the_number_and_goes_on_for_longer(data, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *_: 20.0)
    run = Trainer(minutes=1).fit(model_of(data), data, str(tmp_path / "run"))
    assert (run.config["training"]["epochs"], run.config["training"]["minutes"]) == (2, None)
    fixed = Trainer(epochs=2).fit(model_of(data), data, str(tmp_path / "fixed"))
    read = [(folder / "model.safetensors").read_bytes() for folder in (run.path, fixed.path)]
    assert read[0] == read[1]
    run = Trainer(minutes=1).fit(model_of(data), data, str(tmp_path / "run"), resume=True)
    assert len(run.history) == 4


def test_a_resumed_training_may_name_what_it_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "epoch_seconds", lambda *_: 20.0)
    for epochs in (2, 4):
        run = train("elbo", "rats", minutes=1, latent_dim=2, output=tmp_path / "run", resume=epochs == 4, quiet=True)
        assert len(run.history) == epochs


def test_where_nothing_learns_by_steps_epochs_stay(data):
    model = model_of(data).requires_grad_(False)
    assert epoch_seconds(TrainingConfig(), model, data) == 0
    assert within_minutes(TrainingConfig(minutes=1, epochs=7), model, data).epochs == 7


def test_several_processes_would_find_several_numbers(data, monkeypatch):
    class State:
        num_processes = 2

    monkeypatch.setattr(fitting, "PartialState", State)
    with pytest.raises(MmgenError, match=r"training\.minutes is for one process"):
        within_minutes(TrainingConfig(minutes=1), model_of(data), data)
