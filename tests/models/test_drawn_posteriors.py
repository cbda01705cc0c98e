"""A posterior that can only be drawn from, as of a Markov chain: it trains, encodes, generates, holds the contract, and
what needs its density is refused in a sentence.
"""

from unittest import SkipTest

import pytest
import torch

from mmgen import Evaluation, MmgenError, Terms, Trainer
from mmgen.distributions import Gaussian, Mixture, is_drawn, kl_gaussians, normal_noise, product_of_experts
from mmgen.evaluation.importance import LogLikelihood
from mmgen.models import Aggregator, Objective
from mmgen.testing import AggregatorContract, ObjectiveContract, make_model, toy_data


class Chain:
    """Draws of a Gaussian, of whose density nothing is known."""

    def __init__(self, start):
        self._start = start

    @property
    def mean(self):
        return self.rsample((8,)).mean(0)

    @property
    def variance(self):
        return self.rsample((8,)).var(0)

    def rsample(self, samples=()):
        start = self._start
        return start.mean + start.scale * normal_noise((*samples, *start.mean.shape), start.mean)

    def map(self, change):
        return Chain(self._start.map(change))

    def __getitem__(self, index):
        return Chain(self._start[index])

    def choose(self, chosen):
        return Chain(self._start.choose(chosen))


class ChainObjective(Objective):
    """Its bound is that of a product of experts; afterwards z is drawn."""

    aggregator = None
    supports_missing = True
    bound = "joint"

    def joint(self, experts, given):
        return product_of_experts(experts, given, prior=True)[...]

    def terms(self, model, batch):
        experts = model.experts(batch)
        q = self.joint(experts, batch.available)
        prior = self.prior_for(model, experts, batch.available)
        return Terms(model.log_likelihood(q.rsample(), batch), kl_gaussians(q, prior))

    def posterior(self, model, batch, experts, given):
        return Chain(self.joint(experts, given))


class ChainAggregator(Aggregator):
    """A product of experts of whose density nothing is known."""

    mixes = False

    def forward(self, experts, given):
        q = Gaussian.map(product_of_experts(experts, given, prior=True), lambda value: value.unsqueeze(-3))
        return Mixture(Chain(q), torch.zeros_like(q.mean[..., 0]))


def test_the_contract_holds():
    assert ObjectiveContract.of(ChainObjective).failures() == {}


def test_it_trains_encodes_and_generates(tmp_path):
    data = toy_data()
    run = Trainer(epochs=1, batch_size=16, seed=0).fit(make_model(ChainObjective, data), data, output=tmp_path / "run")
    batch = data.test[:4]
    assert is_drawn(run.model.encode(batch)) and run.model.encode(batch).mean.shape == (4, 3)
    assert run.model.generate(batch, samples=2)["vector"].shape[:2] == (2, 4)
    assert run.model.gaussians(batch) == {}


def test_its_log_likelihood_is_unavailable():
    data = toy_data()
    evaluation = Evaluation(make_model(ChainObjective, data), data)
    assert "can only be drawn from" in LogLikelihood(None).unavailable_reason(evaluation)
    assert LogLikelihood(None).unavailable_reason(Evaluation(make_model("elbo", data), data)) is None


def test_the_evidence_lower_bound_of_one_is_refused():
    data = toy_data()
    model = make_model("elbo", data, aggregator=ChainAggregator)
    with pytest.raises(MmgenError, match=r"needs the density .* and Chain can only be drawn from"):
        model(data.train[:4])


def test_the_contract_of_an_aggregator_asks_no_density_of_one():
    checks = AggregatorContract.of(ChainAggregator)
    with pytest.raises(SkipTest, match="can only be drawn from"):
        checks().test_the_density_is_that_of_the_samples()
