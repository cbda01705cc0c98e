"""Schedules of the learning rate are PyTorch's, as functions of the step."""

import json

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from mmgen import MmgenError, Trainer
from mmgen.runs import TrainingConfig
from mmgen.runs.config import layered
from mmgen.runs.schedules import OneCycle
from mmgen.training.schedule import learning_rate

PER_EPOCH, EPOCHS = 7, 12
TOTAL = PER_EPOCH * EPOCHS
RATE = 0.3


def theirs(make):
    """The rates of all steps under a scheduler of PyTorch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = make(optimizer)
    rates = []
    for _ in range(TOTAL):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(schedule, **options):
    config = TrainingConfig(epochs=EPOCHS, learning_rate=RATE, schedule=schedule, **options)
    return [learning_rate(config, config.plan[0], step, PER_EPOCH) for step in range(TOTAL)]


SCHEDULES = {
    "constant": ("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    "linear": ("linear", lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, TOTAL)),
    "polynomial": ({"name": "polynomial", "power": 1.7}, lambda o: lr_scheduler.PolynomialLR(o, TOTAL, 1.7)),
    "cosine": ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL)),
    "cosine to a tenth": (
        {"name": "cosine", "end": 0.1},
        lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL, eta_min=0.1 * RATE),
    ),
    "restarts": (
        {"name": "cosine-restarts", "period": 2, "growth": 2, "end": 0.1},
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2 * PER_EPOCH, 2, eta_min=0.1 * RATE),
    ),
    "equal restarts": (
        {"name": "cosine-restarts", "period": 3},
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3 * PER_EPOCH),
    ),
    "exponential": (
        {"name": "exponential", "gamma": 0.8},
        lambda o: lr_scheduler.ExponentialLR(o, 0.8 ** (1 / PER_EPOCH)),
    ),
    "step": ({"name": "step", "every": 5, "gamma": 0.3}, lambda o: lr_scheduler.StepLR(o, 5 * PER_EPOCH, 0.3)),
    "multi-step": (
        {"name": "multi-step", "at": [2, 9], "gamma": 0.3},
        lambda o: lr_scheduler.MultiStepLR(o, [2 * PER_EPOCH, 9 * PER_EPOCH], 0.3),
    ),
    "one-cycle": ("one-cycle", lambda o: lr_scheduler.OneCycleLR(o, RATE, TOTAL)),
    "one-cycle in lines": (
        {"name": "one-cycle", "anneal_strategy": "linear", "pct_start": 0.41, "div_factor": 7, "final_div_factor": 3},
        lambda o: lr_scheduler.OneCycleLR(
            o, RATE, TOTAL, anneal_strategy="linear", pct_start=0.41, div_factor=7, final_div_factor=3
        ),
    ),
    "one-cycle in three phases": (
        {"name": "one-cycle", "three_phase": True},
        lambda o: lr_scheduler.OneCycleLR(o, RATE, TOTAL, three_phase=True),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_pytorch(name):
    schedule, make = SCHEDULES[name]
    assert ours(schedule) == pytest.approx(theirs(make), rel=1e-12, abs=1e-14)


@given(
    total=st.integers(4, 300),
    pct_start=st.floats(0.05, 0.95),
    div_factor=st.floats(1, 100),
    final_div_factor=st.floats(1, 1e4),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
)
def test_any_cycle_is_that_of_pytorch(total, three_phase, **options):
    top = options["pct_start"] * total - 1
    assume(0.5 < (2 if three_phase else 1) * top < total - 1.5 and top > 0.5)  # PyTorch divides by a phase's length
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = lr_scheduler.OneCycleLR(optimizer, RATE, total, three_phase=three_phase, **options)
    cycle = OneCycle(three_phase=three_phase, **options)
    for step in range(total):
        expected = optimizer.param_groups[0]["lr"]
        assert RATE * cycle.factor(step, total, 1) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        optimizer.step()
        if step < total - 1:
            scheduler.step()


def test_the_rate_never_leaves_its_bounds_in_the_shortest_stage():
    for schedule in ("one-cycle", "cosine", "linear", {"name": "cosine-restarts", "period": 0.5}):
        config = TrainingConfig(epochs=1, learning_rate=1.0, schedule=schedule)
        for per_epoch in (1, 2, 3):
            rates = [learning_rate(config, config.plan[0], step, per_epoch) for step in range(per_epoch + 1)]
            assert all(0 <= rate <= 1 for rate in rates), (schedule, rates)


def test_the_schedule_begins_after_the_warm_up():
    rates = ours({"name": "step", "every": 2}, warmup_epochs=1)
    assert rates[:PER_EPOCH] == pytest.approx([RATE * (step + 1) / PER_EPOCH for step in range(PER_EPOCH)])
    assert rates[PER_EPOCH : 3 * PER_EPOCH] == [RATE] * (2 * PER_EPOCH)
    assert rates[3 * PER_EPOCH] == pytest.approx(0.1 * RATE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "cosin"}, "training.schedule: there is no schedule 'cosin'; .*did you mean 'cosine'"),
        ({"schedule": {"end": 0.1}}, r"training\.schedule\.name: this option must be given; there are constant, "),
        ({"schedule": 3}, "there is no schedule 3"),
        ({"schedule": {"name": "cosine", "ned": 1}}, r"schedule\.ned: there is no such option; there are end, name"),
        ({"schedule": {"name": "cosine-restarts"}}, r"schedule\.period: this option must be given"),
        ({"schedule": {"name": "step", "every": 0}}, r"schedule\.every: 0 is not right"),
        ({"schedule": "one-cycle", "warmup_epochs": 2}, "one-cycle has a rise of its own"),
    ],
)
def test_what_is_no_schedule_is_a_sentence(options, message):
    with pytest.raises(MmgenError, match=message):
        Trainer(**options)


def test_a_configuration_holds_all_options_and_is_read_again():
    for options in ({}, {"schedule": "one-cycle"}, {"schedule": {"name": "multi-step", "at": [3]}}):
        config = TrainingConfig(**options)
        written = json.loads(json.dumps(config.model_dump(mode="json")))
        assert set(written["schedule"]) == set(type(config.schedule).model_fields)
        assert TrainingConfig(**written) == config


def test_options_of_one_layer_meet_the_name_of_another(tmp_path):
    (tmp_path / "my.yaml").write_text(
        "objective: elbo\ndataset: mfeat\ntraining: {optimizer: AdamW, schedule: cosine}\n"
    )
    words = ["training.optimizer.weight_decay=0.1", "training.schedule.end=0.5"]
    training = layered(config=tmp_path / "my.yaml", assignments=words)["training"]
    assert training["optimizer"] == {"name": "AdamW", "weight_decay": 0.1}
    assert training["schedule"] == {"name": "cosine", "end": 0.5}
    training = layered(config=tmp_path / "my.yaml", assignments=[*words, "training.optimizer=SGD"])["training"]
    assert training["optimizer"] == {"name": "SGD"}, "another optimiser takes its place, with its options"


@pytest.mark.parametrize("name", [{"co": "sine"}, ["cosine"], None, 3], ids=str)
def test_a_name_that_is_none_is_a_sentence(name):
    """As in training.schedule.name='co: sine'."""
    for options in ({"name": name}, {"name": name, "end": 0.1}):
        with pytest.raises(MmgenError, match="there is no schedule"):
            TrainingConfig(schedule=options)
