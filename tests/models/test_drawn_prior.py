"""Objectives that declare no prior, and have a p(z) that can only be drawn from."""

import pytest
import torch

from mmgen import Evaluation, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, is_drawn, normal_noise
from mmgen.models import build_sampler, choose_sampler
from mmgen.testing import make_model, raises_sentence, toy_data
from mmgen.testing.contracts.declared import check_use

KINDS = ("vector", "counts")


class Draws:
    """Squares of normal noise."""

    def __init__(self, like):
        self.like, self.mean, self.variance = like, torch.ones_like(like), 2 * torch.ones_like(like)

    def rsample(self, samples=()):
        return normal_noise((*samples, *self.like.shape), self.like).square()


class Without(Objective):
    """Points, and no p(z)."""

    aggregator, prior = None, None

    def terms(self, model, batch):
        z = model.experts(batch).mean[0]
        return Terms(model.log_likelihood(z, batch), torch.zeros_like(z[:, 0]))

    def posterior(self, model, batch, experts, given):
        share = given.to(experts.mean.dtype) / given.sum(-1, keepdim=True).clamp(min=1)
        return Mixture.of(Gaussian.point(torch.einsum("...bm,mbd->...bd", share, experts.mean)))


class Drawn(Without):
    """The same, with one that is drawn."""

    def drawn_prior(self, model, like):
        return Draws(like)


def test_all_is_generated_from_draws():
    model = make_model(Drawn, toy_data(KINDS))
    assert model.infers(()) and "prior" not in model.description
    assert is_drawn(model.unconditional_prior(4))
    z = model.sample_prior(50)
    assert z.shape == (50, 3) and z.dtype == torch.float64 and (z >= 0).all()
    assert {name: len(values) for name, values in model.generate(samples=4).items()} == dict.fromkeys(KINDS, 4)
    check_use("drawn", model, "prior", toy_data(KINDS).train[:4])


def test_nothing_asks_for_its_density():
    data = toy_data(KINDS)
    model = make_model(Drawn, data)
    sampler = build_sampler(model, choose_sampler("prior"))
    assert sampler.sample(5).shape == (5, 3)
    with raises_sentence("Draws can only be drawn from"):
        sampler.log_prob(torch.zeros(2, 3))
    evaluation = Evaluation(model, data)
    assert evaluation.latent_samples([], "vector").shape[1] == 3


def test_without_one_nothing_is_generated_from_nothing():
    model = make_model(Without, toy_data(KINDS))
    assert not model.infers(())
    with raises_sentence("has no prior to generate from"):
        model.sample_prior(3)


@pytest.mark.parametrize("objective", [Drawn, Without])
def test_a_prior_cannot_be_chosen(objective):
    with raises_sentence("has no prior; leave the prior out"):
        make_model(objective, toy_data(KINDS), prior="normal")
