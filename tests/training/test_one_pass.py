"""Trainings whose steps are made in one pass, against each of them alone, in float64."""

import io
import json
import signal
from contextlib import ExitStack

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch.nn import functional as F

from mmgen.distributions.random import exponential_noise
from mmgen.models import ELBO, Terms
from mmgen.optimizers import optimizers
from mmgen.testing import make_model, toy_data
from mmgen.testing.contracts.one_pass import largest_difference, trained_members
from mmgen.training import Trainer, TrainingStopped
from mmgen.training.signals import StopRequest
from mmgen.training.streams import Stream, Streams
from mmgen.training.together import Member, groups_of, train_members

with_muon = pytest.mark.skipif("Muon" not in optimizers(), reason="this PyTorch has no Muon")


@pytest.fixture(autouse=True)
def _nothing_is_imputed(monkeypatch):
    """At the end of a training nobody looks how well tables are completed, which takes longer than these trainings."""
    monkeypatch.setattr("mmgen.training.session.why_not", lambda model: "not in these tests")


def models(data, objective="elbo", count=3, **options):
    return [make_model(objective, data, seed=k, beta=0.1 * (k + 1), **options) for k in range(count)]


def both(data, objective="elbo", model=None, count=3, **options):
    """Models that were trained alone and in one pass, and the members of both."""
    alone, together = (models(data, objective, count, **(model or {})) for _ in range(2))
    first = trained_members(alone, data, together=False, **options)
    return alone, together, first, trained_members(together, data, together=True, **options)


@pytest.mark.parametrize(
    ("options", "data", "model"),
    [
        ({"gradient_clip": 0.1, "schedule": "cosine"}, {}, {}),
        ({"optimizer": {"name": "SGD", "momentum": 0.9}, "learning_rate": 1e-3}, {"missing": 0.4}, {}),
        pytest.param({"optimizer": "Muon", "warmup_epochs": 1}, {"cells": 0.3}, {}, marks=with_muon),
        ({"optimizer": "Adafactor", "epochs": 1}, {}, {"aggregator": "mopoe"}),
        ({"average": 0.9, "select": "best"}, {"covariates": True}, {}),
        ({"stages": [{"epochs": 1, "train": ["encoders"]}, {"train": ["decoders"]}]}, {}, {"private_dim": 1}),
        ({"groups": [{"of": ["encoders"], "learning_rate": 1e-2}]}, {}, {"modalities": {"all": {"dropout": 0.5}}}),
    ],
    ids=["clipped", "rows-missing", "muon", "adafactor", "averaged", "stages", "dropout"],
)
def test_every_member_becomes_what_it_becomes_alone(options, data, model):
    alone, together, first, second = both(toy_data(**data), model=model, **options)
    assert [member.error for member in (*first, *second)] == [None] * 6
    assert all(member.alone == "" for member in second), "they were made in one pass"
    assert max(map(largest_difference, alone, together)) < 1e-9
    for one, other in zip(first, second, strict=True):
        for old, new in zip(one.session.run.history, other.session.run.history, strict=True):
            assert new["train"] == pytest.approx(old["train"], rel=1e-9)
            assert new["val"] == pytest.approx(old["val"], rel=1e-9)


class ReadsBeta(ELBO):
    """An equation that has the model's own β in it."""

    def terms(self, model, batch):
        terms = super().terms(model, batch)
        return Terms(terms.log_likelihood, terms.divergence * (1 + model.config.beta))


def test_equations_that_read_beta_have_that_of_each():
    data = toy_data()
    alone, together, _, second = both(data, ReadsBeta, beta_warmup_epochs=2)
    assert all(member.alone == "" for member in second)
    assert [model.config.beta for model in together] == [model.config.beta for model in alone]
    assert max(map(largest_difference, alone, together)) < 1e-9


def test_each_stops_early_by_itself():
    data = toy_data()
    options = {"epochs": 30, "early_stopping": 1, "learning_rate": 3e-2, "select": "best"}
    alone, together, first, second = both(data, count=8, **options)
    lengths = [member.session.progress.epoch for member in second]
    assert lengths == [member.session.progress.epoch for member in first]
    assert len(set(lengths)) > 1, "they stop at different epochs"
    assert [one.session.progress.best_epoch for one in first] == [one.session.progress.best_epoch for one in second]
    assert max(map(largest_difference, alone, together)) < 1e-6


def test_a_loss_that_is_no_number_ends_one_and_the_others_go_on():
    data = toy_data()
    alone, together = models(data), models(data)
    for several in (alone, together):
        with torch.no_grad():
            next(several[1].decoders.parameters()).fill_(1e200)
    first = trained_members(alone, data, together=False)
    second = trained_members(together, data, together=True)
    assert "is not a finite number" in str(second[1].error)
    assert [str(member.error) for member in second] == [str(member.error) for member in first]
    assert max(largest_difference(alone[k], together[k]) for k in (0, 2)) < 1e-9


class Asked(StopRequest):
    """A stop that is asked for when it is looked at for the n-th time."""

    def __init__(self, after):
        self.left = after

    @property
    def number(self):
        self.left -= 1
        return signal.SIGINT if self.left <= 0 else 0


def members(stack, several, data, folder, resume):
    options = {"epochs": 3, "batch_size": 8, "select": "last"}
    return [
        Member(
            stack.enter_context(Trainer(**options, seed=k).session(model, data, str(folder / str(k)), resume=resume)),
            resume=resume,
        )
        for k, model in enumerate(several)
    ]


def test_what_is_stopped_within_an_epoch_goes_on_in_one_pass(tmp_path):
    data = toy_data()
    alone, together, again = models(data), models(data), models(data)
    trained_members(alone, data, together=False, epochs=3)
    with ExitStack() as stack:
        stopped = members(stack, together, data, tmp_path, False)
        train_members(stopped, Asked(17))
        assert any(isinstance(member.error, TrainingStopped) for member in stopped)
    with ExitStack() as stack:
        resumed = members(stack, again, data, tmp_path, True)
        assert len(groups_of(resumed)) == 1
        train_members(resumed, StopRequest())
        assert [member.error for member in resumed] == [None] * 3
    assert max(map(largest_difference, alone, again)) < 1e-9
    for k in range(3):
        lines = (tmp_path / str(k) / "history.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


class LooksAtAValue(ELBO):
    """An equation with a branch that depends on data."""

    def terms(self, model, batch):
        terms = super().terms(model, batch)
        return terms if terms.divergence.mean() > 0 else Terms(terms.log_likelihood, 2 * terms.divergence)


class RandomNumbersOfItsOwn(ELBO):
    """Noise that PyTorch has no function of shapes for."""

    def terms(self, model, batch):
        terms = super().terms(model, batch)
        return Terms(terms.log_likelihood, terms.divergence * torch.empty(len(batch)).normal_(1, 0.1))


@pytest.mark.parametrize("objective", [LooksAtAValue, RandomNumbersOfItsOwn])
def test_what_cannot_be_mapped_over_is_trained_alone_and_says_so(objective):
    data = toy_data()
    alone, together = models(data, objective), models(data, objective)
    trained_members(alone, data, together=False)
    said = io.StringIO()
    with ExitStack() as stack:
        several = []
        for k, model in enumerate(together):
            trainer = Trainer(epochs=2, batch_size=8, select="last", seed=k, console=Console(file=said, width=200))
            several.append(Member(stack.enter_context(trainer.session(model, data)), resume=False))
        train_members(several, StopRequest())
    assert said.getvalue().count("It is trained alone: ") == 3
    assert max(map(largest_difference, alone, together)) == 0.0, "to the bit"


def test_other_settings_are_no_members_of_one_pass():
    data, others = toy_data(), ({"seed": 1}, {"seed": 2}, {"learning_rate": 1}, {"microbatches": 2})
    with ExitStack() as stack:
        several = [
            Member(stack.enter_context(Trainer(epochs=1, **options).session(model, data)), resume=False)
            for model, options in zip(models(data, count=4), others, strict=True)
        ]
        assert [len(group) for group in groups_of(several)] == [2, 1, 1]
        assert several[3].alone == "its batches are made in parts"


DRAWS = {
    "randn": lambda x: torch.randn(*x.shape, dtype=x.dtype),
    "rand": lambda x: torch.rand(x.shape),
    "randint": lambda x: torch.randint(7, x.shape).double(),
    "randperm": lambda x: torch.randperm(x.shape[0]).double(),
    "randn_like": lambda x: torch.randn_like(x),
    "rand_like": lambda x: torch.rand_like(x),
    "exponential": lambda x: exponential_noise(tuple(x.shape), x),
    "dropout": lambda x: F.dropout(x, 0.3, True),
    "dropout in evaluation": lambda x: F.dropout(x, 0.3, False),
}


@given(
    names=st.lists(st.sampled_from(sorted(DRAWS)), min_size=1, max_size=5),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 4)),
    seeds=st.lists(st.integers(0, 2**31), min_size=2, max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_every_member_draws_what_it_draws_alone(names, shape, seeds):
    def draws(x):
        return [DRAWS[name](x * (1 + k)) for k, name in enumerate(names)]

    values = torch.arange(len(seeds) * shape[0] * shape[1], dtype=torch.float64).reshape(len(seeds), *shape) + 1
    streams, expected = [], []
    for seed, value in zip(seeds, values, strict=True):
        torch.manual_seed(seed)
        streams.append(Stream())
        expected.append(draws(value))
    states = [torch.get_rng_state()]
    of_all = Streams(streams)

    def one(number, value):
        of_all.member = number
        return draws(value)

    with of_all:
        found = torch.func.vmap(one, randomness="error")(torch.arange(len(seeds)), values)
    for k in range(len(seeds)):
        for mine, own in zip(found, expected[k], strict=True):
            assert torch.equal(mine[k], own)
    assert torch.equal(streams[-1].state["random/cpu"], states[0]), "each is where it would be alone"
