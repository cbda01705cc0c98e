"""Stages: what learns when, under which options, and that a stop between or within them loses nothing."""

import signal

import pytest
import torch
from safetensors.torch import load_file

from mmgen import MmgenError, MultimodalVAE, Objective, ObjectiveConfig, Terms, Trainer, hookimpl
from mmgen.distributions import kl_gaussians, standard_normal
from mmgen.models import JointEncoder
from mmgen.registry import hooks as hooks_module
from mmgen.runs import TrainingConfig
from mmgen.testing import toy_data
from mmgen.training import TrainingStopped
from mmgen.training.stages import Stages

TWO = (
    {"epochs": 2, "train": ("decoders", "objective.joint"), "objective": {"match": 0.0}},
    {"train": ("encoders",), "learning_rate": 5e-3},
)


class MatchingConfig(ObjectiveConfig):
    match: float = 1.0
    fixed: int = 0


class Matching(Objective):
    """A joint encoder's bound, and unimodal encoders that are drawn to it."""

    Config = MatchingConfig
    staged = ("match",)

    def build(self, model):
        self.joint = JointEncoder(model)
        self.norm = torch.nn.BatchNorm1d(model.config.latent_dim)

    def terms(self, model, batch):
        experts, q = model.experts(batch), self.joint(batch)
        self.norm(q.mean)
        to_experts = kl_gaussians(q, experts).sum(0)
        others = {"match": -self.config.match * to_experts} if self.config.match else {}
        return Terms(model.log_likelihood(q.rsample(), batch), kl_gaussians(q, standard_normal(q)), others)


@pytest.fixture
def data():
    return toy_data(rows=40)


def model_for(data):
    torch.manual_seed(0)
    example = MultimodalVAE.create("elbo", data, latent_dim=2)
    objective = Matching(MatchingConfig(), example.objective.aggregate, example.objective.prior_for)
    model = MultimodalVAE(data.modalities, objective, example.config, data.labels)
    model.description = example.description
    model.fit_transforms(data.train)
    return model


def train(data, output=None, *, resume=False, model=None, **options):
    settings = {"epochs": 5, "batch_size": 16, "checkpoint_seconds": 0, "stages": TWO, **options}
    return Trainer(**settings).fit(
        model or model_for(data), data, None if output is None else str(output), resume=resume
    )


def snapshot(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def changed(before, after):
    """The first two levels of the names of all values that differ."""
    return {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}


class Watch:
    """A hook that keeps the weights at the end of every epoch, and may raise a signal there."""

    def __init__(self, at=None):
        self.at, self.weights, self.stages = at, [], []

    @hookimpl
    def mmgen_epoch_end(self, model, record):
        self.weights.append(snapshot(model))
        self.stages.append(record.get("stage"))
        if record["epoch"] == self.at:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def watch(monkeypatch):
    def add(**options):
        plugin = Watch(**options)
        real = hooks_module.Hooks
        monkeypatch.setattr("mmgen.training.session.Hooks", lambda: real({"test": plugin}))
        return plugin

    return add


def test_only_what_a_stage_names_learns_in_it(data, watch):
    hook, model = watch(), model_for(data)
    start = snapshot(model)
    train(data, model=model)
    first = changed(start, hook.weights[1])
    assert {name.split(".")[0] for name in first} == {"decoders", "objective"}
    assert "objective.joint" in first
    second = changed(hook.weights[1], hook.weights[4])
    assert second == {"encoders.0", "encoders.1", "encoders.2", "objective.step"}, (
        "and the running statistics of the joint part stayed"
    )
    assert hook.stages == [1, 1, 2, 2, 2]
    assert model.objective.config.match == 1.0, "the model's own options hold again"
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_options_and_rates_of_a_stage_hold_in_it(data):
    history = train(data).history
    assert ["match" in record["train"] for record in history] == [False, False, True, True, True]
    assert [record["learning_rate"] for record in history] == [1e-3, 1e-3, 5e-3, 5e-3, 5e-3]
    assert history[-1]["train"]["match"] > history[2]["train"]["match"], "it learned"
    joint = [record["val"]["divergence"] for record in history[1:]]
    assert joint == [joint[0]] * 4, "what is fixed gives the same value at every validation"


def test_the_first_stage_is_what_a_training_of_its_own_would_be(data):
    both = model_for(data)
    train(data, model=both)
    first = model_for(data)
    train(data, model=first, epochs=2, stages=({"train": TWO[0]["train"], "objective": TWO[0]["objective"]},))
    for name, value in first.named_parameters():
        if name.startswith(("decoders", "objective.joint")):
            torch.testing.assert_close(both.get_parameter(name), value, rtol=0, atol=0)


def test_the_schedule_of_the_rate_begins_anew_in_each_stage(data):
    history = train(data, schedule="linear", stages=({"epochs": 2}, {})).history
    per_epoch = len(data.train) // 16 + (len(data.train) % 16 > 0)
    for start, length, records in ((0, 2, history[:2]), (2, 3, history[2:])):
        for record in records:
            step = (record["epoch"] - start) * per_epoch - 1
            assert record["learning_rate"] == pytest.approx(1e-3 * (1 - step / (length * per_epoch)))


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_stop_within_or_between_stages_loses_nothing(data, tmp_path, watch, monkeypatch, at):
    whole = train(data, tmp_path / "whole")
    watch(
        at=at
    )  # is seen after the first step of the next epoch; after the second epoch that is a step of the second stage
    with pytest.raises(TrainingStopped):
        train(data, tmp_path / "run")
    monkeypatch.undo()
    resumed = train(data, tmp_path / "run", resume=True)
    one, two = (load_file(run.path / "model.safetensors") for run in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert [record["val"] for record in whole.history] == [record["val"] for record in resumed.history]


def test_more_epochs_lengthen_the_last_stage(data, tmp_path):
    whole = train(data, tmp_path / "whole", epochs=7)
    train(data, tmp_path / "run", epochs=5)
    longer = train(data, tmp_path / "run", epochs=7, resume=True)
    one, two = (load_file(run.path / "model.safetensors") for run in (whole, longer))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_each_stage_keeps_its_best_model_and_stops_early_on_its_own(data, tmp_path, watch):
    hook = watch()
    stages = (
        {"epochs": 20, "train": ("decoders", "objective.joint"), "objective": {"match": 0.0}, "learning_rate": 1.0},
        {"train": ("encoders",)},
    )
    run = train(data, tmp_path / "run", epochs=23, early_stopping=2, stages=stages)
    losses = [record["val"]["loss"] for record in run.history if record["stage"] == 1]
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < 20, "the first stage stopped two validations after its best one"
    kept = hook.weights[best]
    for name, value in run.model.state_dict().items():
        if name.startswith(("decoders", "objective.joint")):
            assert torch.equal(value, kept[name]), "the second stage began with the best model of the first"
    assert len([record for record in run.history if record["stage"] == 2]) == 3


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        (({"epochs": 2}, {"epochs": 3}), "the last stage takes what is left of epochs=5, so leave out its epochs=3"),
        (({}, {}), "stage 1 of 2 needs epochs"),
        (({"epochs": 5}, {}), "5 epochs are taken before the last stage, which leaves it none of epochs=5"),
        (
            ({"train": ("encoder",)},),
            r"training\.stages\.0\.train: the model has no part 'encoder' "
            r"that could learn; .*did you mean 'encoders'\?",
        ),
        (({"train": ("encoders.vectr",)},), "no part 'encoders.vectr'.*did you mean 'encoders.vector'"),
        (({"objective": {"fixed": 1}},), "cannot change its option 'fixed' between stages; it can change match"),
        (({"objective": {"mach": 1}},), r"training\.stages\.0\.objective.*mach"),
    ],
)
def test_what_can_be_wrong_is_a_sentence_and_nothing_is_written(data, tmp_path, stages, sentence):
    with pytest.raises(MmgenError, match=sentence):
        train(data, tmp_path / "run", stages=stages)
    assert not (tmp_path / "run").exists()


def test_a_modality_is_named_as_people_name_it(data):
    model = model_for(data)
    stages = Stages(model, TrainingConfig(epochs=5, stages=({"train": ("encoders.counts",)},)).plan)
    learning = stages.enter(0)
    assert {id(p) for p in learning.values()} == {id(p) for p in model.encoders[1].parameters()}
