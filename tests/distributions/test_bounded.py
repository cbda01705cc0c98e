"""A bound is the identity within its range, holds outside, and can be left again."""

import math

import pytest
import torch
from torch import nn

from mmgen.data import make_likelihood
from mmgen.distributions import Gaussian, bounded, kl_gaussians, standard_normal
from mmgen.networks import GaussianHead
from mmgen.testing import make_model, toy_data


def test_within_the_range_it_is_the_number_itself():
    x = torch.cat([torch.linspace(-15, 15, 100_001), torch.tensor([0.1, -1e-30, 1e-45])])
    assert torch.equal(bounded(x, -15.0, 15.0), x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_outside_it_is_the_nearer_end_exactly_with_the_gradient_of_the_number(dtype):
    x = torch.tensor([-1e30, -1e8, -15.5, -3, 15.5, 1e8], dtype=dtype, requires_grad=True)
    got = bounded(x, -15.0, 15.0)
    assert got.tolist() == [-15, -15, -15, -3, 15, 15]
    (gradient,) = torch.autograd.grad(got.square().sum(), x)
    assert gradient.tolist() == [-30, -30, -30, -6, 30, 30], "down the square, which is towards the range"


def test_what_is_no_number_stays_none():
    assert bounded(torch.tensor([math.nan, math.inf, -math.inf]), -1.0, 1.0).isnan().all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch about itself
def test_derivatives_forwards_backwards_and_twice():
    def cubes(x):
        return (bounded(x, -2.0, 2.0) ** 3).sum()

    x = torch.tensor([1.0, 5.0, -7.0], dtype=torch.float64)
    expected = torch.tensor([3.0, 12.0, 12.0], dtype=torch.float64)
    assert torch.equal(torch.func.grad(cubes)(x), expected)
    assert torch.equal(torch.func.jacfwd(cubes)(x), expected)
    assert torch.equal(torch.func.vmap(torch.func.grad(lambda v: bounded(v, -2.0, 2.0) ** 3))(x), expected)
    assert torch.equal(torch.func.hessian(cubes)(x), torch.diag(torch.tensor([6.0, 12.0, -12.0], dtype=torch.float64)))


def signed_steps(loss, parameters):
    """Downhill by steps of one size, then smaller ones: what directions alone can do, however large gradients are."""
    for size, count in ((0.5, 220), (0.05, 20)):
        optimiser = torch.optim.Adam(parameters, lr=size, betas=(0.0, 0.0))
        for _ in range(count):
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()


@pytest.mark.parametrize("spread", ["log-variance", "log-scale"])
@pytest.mark.parametrize("away", [100.0, -100.0])
def test_an_encoder_that_was_pushed_out_comes_back(spread, away):
    torch.manual_seed(0)
    head, features = GaussianHead(4, 3, spread), torch.randn(32, 4)
    nn.init.constant_(head.spread.bias, away)

    def divergence():
        q = Gaussian(*head(features))
        assert (q.log_variance.abs() <= 15).all()
        return kl_gaussians(q, standard_normal(q)).mean()

    signed_steps(divergence, [head.spread.bias])
    assert float(head(features)[1].detach().mean().abs()) < 1


@pytest.mark.parametrize("away", [100.0, -100.0])
@pytest.mark.parametrize("name", ["poisson", "negative-binomial", "normal", "laplace"])
def test_a_decoder_and_what_a_likelihood_learns_come_back(name, away):
    torch.manual_seed(0)
    likelihood = make_likelihood(name, (2,), **({"scale_kind": "predicted"} if name in ("normal", "laplace") else {}))
    x = torch.poisson(torch.full((64, 2), 5.0))
    outputs = torch.zeros(likelihood.outputs, 2)
    outputs[0] = 0.0 if likelihood.discrete else 5.0
    outputs[-1] = away  # the log-mean, or the log-scale
    outputs.requires_grad_()
    for parameter in likelihood.parameters():
        nn.init.constant_(parameter, away)
    signed_steps(
        lambda: -likelihood.log_prob(outputs.expand(64, -1, -1), x).mean(), [outputs, *likelihood.parameters()]
    )
    assert likelihood.mean(outputs).detach().tolist() == pytest.approx([5.0, 5.0], abs=1.5)
    assert float(outputs.detach().abs().max()) < 8


@pytest.mark.parametrize("away", [100.0, -100.0])
def test_a_model_that_was_pushed_out_by_one_bad_step_trains_again(away):
    data = toy_data(("vector", "counts"), rows=48)
    torch.manual_seed(0)
    model = make_model("elbo", data).train()
    pushed = [*(encoder.head.spread.bias for encoder in model.encoders), model.decoders[1].layers[-1].bias]

    def loss():
        torch.manual_seed(0)
        return -model(data.train[:48]).value(1.0).mean()

    before = float(loss().detach())
    with torch.no_grad():
        for bias in pushed:
            bias.fill_(away)
    assert float(loss().detach()) > before + 10
    signed_steps(loss, pushed)
    assert float(loss().detach()) < before
