"""Sound in float32 for variances from 1e-12 to 1e12, and where every expert is missing: finite with finite gradients,
near float64.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import (
    Gaussian,
    barycentre,
    geometric_mean,
    hellinger_pool,
    kl_divergence,
    kl_gaussians,
    mean_of_experts,
    mixture_of_experts,
    product_of_experts,
    standard_normal,
    weighted_product,
)
from mmgen.testing import experts_and_masks

EXTREME = 12 * math.log(10)


def parts(q):
    return [q.mean, q.log_variance]


def samples(q):
    torch.manual_seed(0)
    return q.rsample((3,))


QUANTITIES = {
    "product": lambda q, given: parts(product_of_experts(q, given)),
    "product with the prior": lambda q, given: parts(product_of_experts(q, given, prior=True)),
    "weighted product": lambda q, given: parts(product_of_experts(q, given, weights=torch.full(given.shape[-1:], 0.3))),
    "geometric mean": lambda q, given: parts(geometric_mean(q, given, prior=True)),
    "mean": lambda q, given: parts(mean_of_experts(q, given)),
    "barycentre": lambda q, given: parts(barycentre(q, given)),
    "generalised product": lambda q, given: parts(
        weighted_product(q, given, torch.zeros(given.shape[-1], q.mean.shape[-1], dtype=q.mean.dtype))
    ),
    "Hellinger pool": lambda q, given: parts(hellinger_pool(q, given)),
    "kl to the standard normal": lambda q, given: [kl_gaussians(q, standard_normal(q))],
    "kl of the product to the standard normal": lambda q, given: [
        kl_divergence(product_of_experts(q, given), standard_normal(q[0]))
    ],
    "kl of pairs": lambda q, given: [kl_gaussians(q[:, None], q[None])],
    "log density of the mixture": lambda q, given: [mixture_of_experts(q, given).log_prob(torch.ones_like(q.mean[0]))],
    "mean of the mixture": lambda q, given: [mixture_of_experts(q, given).mean],
}
# What depends on how far a computed mean is from a narrow density, in units of its scale: float32 keeps 10 to 1e-6,
# which is one
# scale of variance 1e-12. And what is sampled, for which the noise of float32 and of float64 differs.
INEXACT = {
    "kl of the product to its experts": lambda q, given: [kl_gaussians(product_of_experts(q, given, prior=True), q)],
    "samples of the mixture": lambda q, given: [samples(mixture_of_experts(q, given))],
    "variance of the mixture": lambda q, given: [mixture_of_experts(q, given).variance],
    "log density of the mixture at its samples": lambda q, given: [
        mixture_of_experts(q, given).log_prob(samples(mixture_of_experts(q, given)))
    ],
    "kl to the mixture": lambda q, given: [kl_divergence(q, mixture_of_experts(q, given), samples(q))],
}
extreme = experts_and_masks(mean=10, log_variance=(-EXTREME, EXTREME), empty_rows=True)


def single(q):
    """In float32, ready for gradients."""
    return Gaussian(*(value.float().requires_grad_() for value in parts(q)))


def assert_finite(quantity, q, given_):
    q = single(q)
    got = quantity(q, given_)
    assert all(value.dtype == torch.float32 for value in got)
    assert all(value.isfinite().all() for value in got)
    # The largest numbers are 1e24 and more; their sum must not be what overflows.
    total = sum((value / value.detach().abs().clamp(min=1)).sum() for value in got)
    for gradient in torch.autograd.grad(total, parts(q), allow_unused=True, materialize_grads=True):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("quantity", [*QUANTITIES.values(), *INEXACT.values()], ids=[*QUANTITIES, *INEXACT])
@settings(max_examples=15)
@given(case=extreme)
def test_values_and_gradients_are_finite(case, quantity):
    assert_finite(quantity, *case)


@pytest.mark.parametrize("quantity", [*QUANTITIES.values(), *INEXACT.values()], ids=[*QUANTITIES, *INEXACT])
@pytest.mark.parametrize("log_variance", [-EXTREME, 0.0, EXTREME])
def test_values_and_gradients_are_finite_when_every_expert_is_missing(quantity, log_variance):
    q = Gaussian(torch.linspace(-5, 5, 12).reshape(3, 2, 2).double(), torch.full((3, 2, 2), log_variance).double())
    assert_finite(quantity, q, torch.zeros(2, 3, dtype=torch.bool))


@pytest.mark.parametrize("quantity", [*QUANTITIES.values(), *INEXACT.values()], ids=[*QUANTITIES, *INEXACT])
def test_values_and_gradients_are_finite_when_the_extremes_meet(quantity):
    log_variance = torch.tensor([-EXTREME, EXTREME, 0.0]).double()[:, None, None].expand(3, 4, 2).clone()
    log_variance[:, 1] *= -1
    q = Gaussian(torch.tensor([5.0, -5.0, 0.0]).double()[:, None, None].expand(3, 4, 2).clone(), log_variance)
    assert_finite(
        quantity, q, torch.tensor([[True, True, True], [True, True, False], [True, False, True], [False, True, True]])
    )


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)
@given(case=extreme)
def test_float32_agrees_with_float64(case, quantity):
    q, given_ = case
    rounded = Gaussian(*(value.float().double() for value in parts(q)))
    for got, expected in zip(quantity(single(q), given_), quantity(rounded, given_), strict=True):
        torch.testing.assert_close(got.double(), expected, rtol=3e-5, atol=3e-5)


@given(extreme, st.booleans())
def test_variance_of_the_product_agrees_to_float32_precision_whatever_its_size(case, prior):
    q, given_ = case
    rounded = Gaussian(*(value.float().double() for value in parts(q)))
    got, expected = (product_of_experts(experts, given_, prior=prior) for experts in (single(q), rounded))
    torch.testing.assert_close(got.variance.double(), expected.variance, rtol=2e-5, atol=0)


NOT_NEGATIVE = {
    name: value
    for name, value in (QUANTITIES | INEXACT).items()
    if name.startswith(("kl ", "bound", "geometric J")) and name != "kl to the mixture"
}


@pytest.mark.parametrize("quantity", NOT_NEGATIVE.values(), ids=NOT_NEGATIVE)
@settings(max_examples=15)
@given(case=extreme)
def test_closed_forms_of_divergences_are_not_negative(case, quantity):
    q, given_ = case
    assert (quantity(single(q), given_)[0] >= -1e-5).all()
