"""Products and means of experts against loops, against the renormalised product of densities, and under masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import (
    Gaussian,
    barycentre,
    everything,
    geometric_mean,
    mean_of_experts,
    mixture_of_experts,
    product_of_experts,
    singletons,
)
from mmgen.testing import check_absence, experts, experts_and_masks


def textbook_product(means, variances, exponents, prior):
    """Mean and variance of Π N(z; μ, σ²)^w · N(z; 0, 1)^prior, one dimension."""
    precision, pull = float(prior), 0.0
    for mean, variance, exponent in zip(means, variances, exponents, strict=True):
        precision += exponent / variance
        pull += exponent * mean / variance
    return pull / precision, 1 / precision


def seen(available, b):
    return [m for m in range(available.shape[1]) if available[b, m]]


def pick(values, members, b, d):
    return [float(values[m, b, d]) for m in members]


def assert_is(got, b, d, mean, variance):
    assert float(got.mean[b, d]) == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert float(got.variance[b, d]) == pytest.approx(variance, rel=1e-9)


def entries(available, latent_dim):
    return [(b, d) for b in range(available.shape[0]) for d in range(latent_dim)]


@pytest.mark.parametrize("prior", [False, True, 0.3])
@given(case=experts_and_masks(), data=st.data())
def test_product_is_the_closed_form_written_in_loops(case, data, prior):
    q, available = case
    modalities = available.shape[1]
    exponents = data.draw(st.none() | st.lists(st.floats(0.05, 3), min_size=modalities, max_size=modalities))
    weights = None if exponents is None else torch.tensor(exponents, dtype=torch.float64)
    got = product_of_experts(q, available, weights=weights, prior=prior)
    for b, d in entries(available, q.mean.shape[-1]):
        members = seen(available, b)
        powers = [1.0 if exponents is None else exponents[m] for m in members]
        assert_is(
            got, b, d, *textbook_product(pick(q.mean, members, b, d), pick(q.variance, members, b, d), powers, prior)
        )


@pytest.mark.parametrize("prior", [False, True, 0.4])
@given(
    case=experts_and_masks(rows=(1, 2), latent_dim=(1, 1), log_variance=(-3, 3)),
    exponents=st.lists(st.floats(0.2, 2), min_size=4, max_size=4),
)
def test_product_is_the_renormalised_product_of_densities(case, exponents, prior):
    q, available = case
    got = product_of_experts(
        q, available, weights=torch.tensor(exponents[: available.shape[1]], dtype=torch.float64), prior=prior
    )
    for b in range(available.shape[0]):
        members = seen(available, b)
        reach = 10 + 16 * math.exp(1.5) / math.sqrt(0.2)
        z = np.linspace(-reach, reach, 8_501)
        log_density = -float(prior) * z**2 / 2
        for m in members:
            log_density = log_density - exponents[m] * (z - float(q.mean[m, b, 0])) ** 2 / (
                2 * float(q.variance[m, b, 0])
            )
        density = np.exp(log_density - log_density.max())
        density = density / np.trapezoid(density, z)
        mean = np.trapezoid(z * density, z)
        variance = np.trapezoid((z - mean) ** 2 * density, z)
        assert float(got.mean[b, 0]) == pytest.approx(mean, rel=1e-6, abs=1e-6)
        assert float(got.variance[b, 0]) == pytest.approx(variance, rel=1e-6)
        expected = np.exp(got.log_prob(torch.from_numpy(z)[:, None, None].expand(-1, *q.mean.shape[1:]))[:, b].numpy())
        np.testing.assert_allclose(expected, density, rtol=0, atol=1e-6 * density.max())


@pytest.mark.parametrize("prior", [False, True, 0.5])
def test_product_of_nothing_is_the_standard_normal(prior):
    q = Gaussian(torch.full((2, 3, 2), 4.0).double(), torch.full((2, 3, 2), -3.0).double())
    given_ = torch.tensor([[False, False], [True, False], [False, False]])
    for got in (
        product_of_experts(q, given_, prior=prior),
        geometric_mean(q, given_, prior=bool(prior)),
        mean_of_experts(q, given_),
        barycentre(q, given_),
    ):
        assert torch.equal(got.mean[[0, 2]], torch.zeros(2, 2).double())
        assert torch.equal(got.log_variance[[0, 2]], torch.zeros(2, 2).double())
        assert (got.mean[1] != 0).all()
    mixture = mixture_of_experts(q, given_)
    assert torch.equal(mixture.mean[[0, 2]], torch.zeros(2, 2).double())
    torch.testing.assert_close(mixture.variance[[0, 2]], torch.ones(2, 2).double())


@given(experts_and_masks())
def test_geometric_mean_is_the_product_with_exponents_that_sum_to_one(case):
    q, available = case
    for prior in (False, True):
        got = geometric_mean(q, available, prior=prior)
        for b, d in entries(available, q.mean.shape[-1]):
            members = seen(available, b)
            share = 1 / (len(members) + prior)
            powers = [share] * len(members)
            expected = textbook_product(
                pick(q.mean, members, b, d), pick(q.variance, members, b, d), powers, share if prior else 0
            )
            assert_is(got, b, d, *expected)


@given(experts_and_masks())
def test_mean_of_experts_averages_means_and_variances_or_scales(case):
    q, available = case
    by_variance, by_scale = mean_of_experts(q, available), barycentre(q, available)
    for b, d in entries(available, q.mean.shape[-1]):
        members = seen(available, b)
        mean = sum(pick(q.mean, members, b, d)) / len(members)
        variances = pick(q.variance, members, b, d)
        assert_is(by_variance, b, d, mean, sum(variances) / len(members))
        assert_is(by_scale, b, d, mean, (sum(math.sqrt(v) for v in variances) / len(members)) ** 2)


@given(experts_and_masks())
def test_mixture_of_experts_gives_the_given_experts_equal_weights(case):
    q, available = case
    mixture = mixture_of_experts(q, available)
    for b in range(available.shape[0]):
        members = seen(available, b)
        for m in range(available.shape[1]):
            assert float(mixture.weights[m, b]) == pytest.approx(1 / len(members) if m in members else 0, rel=1e-12)
            assert torch.equal(mixture.components.mean[m, b], q.mean[m, b])
            assert torch.equal(mixture.components.log_variance[m, b], q.log_variance[m, b])


AGGREGATES = {
    "product": lambda q, given: product_of_experts(q, given),
    "product with the prior": lambda q, given: product_of_experts(q, given, prior=True),
    "geometric mean": lambda q, given: geometric_mean(q, given),
    "geometric mean with the prior": lambda q, given: geometric_mean(q, given, prior=True),
    "mean": lambda q, given: mean_of_experts(q, given),
    "barycentre": lambda q, given: barycentre(q, given),
    "mixture": lambda q, given: mixture_of_experts(q, given),
}
aggregates = pytest.mark.parametrize("aggregate", AGGREGATES.values(), ids=AGGREGATES)


@aggregates
@settings(max_examples=15)
@given(case=experts_and_masks())
def test_a_missing_modality_is_as_if_it_did_not_exist(case, aggregate):
    check_absence(aggregate, *case)


@aggregates
@settings(max_examples=15)
@given(case=experts_and_masks(empty_rows=True), seed=st.integers(0, 100))
def test_the_order_of_the_modalities_does_not_matter(case, seed, aggregate):
    q, available = case
    order = torch.randperm(available.shape[1], generator=torch.Generator().manual_seed(seed))
    one, other = aggregate(q, available), aggregate(q[order], available[:, order])
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.variance, other.variance)


@aggregates
@settings(max_examples=15)
@given(case=experts_and_masks(lead=(3,), empty_rows=True))
def test_subsets_at_once_are_the_subsets_one_by_one(case, aggregate):
    q, subsets = case
    at_once = aggregate(q, subsets)
    assert at_once.mean.shape == (*subsets.shape[:-1], q.mean.shape[-1])
    for s in range(subsets.shape[0]):
        alone = aggregate(q, subsets[s])
        torch.testing.assert_close(at_once.mean[s], alone.mean)
        torch.testing.assert_close(at_once.variance[s], alone.variance)


@given(experts_and_masks(lead=(2, 3), empty_rows=True))
def test_weights_and_prior_may_differ_between_rows_and_subsets(case):
    q, subsets = case
    torch.manual_seed(0)
    weights, prior = torch.rand(subsets.shape).double() + 0.1, torch.rand(subsets.shape[:-1]).double()
    at_once = product_of_experts(q, subsets, weights=weights, prior=prior)
    for i in range(2):
        for s in range(3):
            for b in range(subsets.shape[2]):
                alone = product_of_experts(
                    q[:, b : b + 1], subsets[i, s, b][None], weights=weights[i, s, b], prior=float(prior[i, s, b])
                )
                torch.testing.assert_close(at_once.mean[i, s, b], alone.mean[0])
                torch.testing.assert_close(at_once.log_variance[i, s, b], alone.log_variance[0])


@given(experts())
def test_without_a_mask_everything_is_given(case):
    given_ = everything(case)
    assert given_.all()
    assert given_.shape == (case.mean.shape[1], case.mean.shape[0])
    for function in (product_of_experts, geometric_mean, mean_of_experts):
        torch.testing.assert_close(function(case).mean, function(case, given_).mean, rtol=0, atol=0)
        torch.testing.assert_close(function(case).log_variance, function(case, given_).log_variance, rtol=0, atol=0)


@given(experts_and_masks())
def test_an_expert_that_knows_nothing_changes_nothing(case):
    q, available = case
    vague = Gaussian(torch.full_like(q.mean[:1], 3.0), torch.full_like(q.mean[:1], 60.0))
    more = Gaussian(torch.cat([q.mean, vague.mean]), torch.cat([q.log_variance, vague.log_variance]))
    with_it = product_of_experts(more, torch.cat([available, torch.ones_like(available[:, :1])], 1))
    without = product_of_experts(q, available)
    torch.testing.assert_close(with_it.mean, without.mean)
    torch.testing.assert_close(with_it.log_variance, without.log_variance)


@given(experts_and_masks())
def test_the_prior_is_one_more_expert(case):
    q, available = case
    more = Gaussian(
        torch.cat([q.mean, torch.zeros_like(q.mean[:1])]), torch.cat([q.log_variance, torch.zeros_like(q.mean[:1])])
    )
    mask = torch.cat([available, torch.ones_like(available[:, :1])], 1)
    for function in (product_of_experts, geometric_mean):
        torch.testing.assert_close(function(q, available, prior=True).mean, function(more, mask).mean)
        torch.testing.assert_close(function(q, available, prior=True).log_variance, function(more, mask).log_variance)


@given(experts_and_masks(empty_rows=True))
def test_singletons_are_the_available_experts_one_by_one(case):
    q, available = case
    masks = singletons(available)
    product = product_of_experts(q, masks)
    for m in range(available.shape[1]):
        for b in range(available.shape[0]):
            assert masks[m, b].sum() == int(available[b, m])
            expected = (
                q[m][b] if available[b, m] else Gaussian(torch.zeros_like(q.mean[0, 0]), torch.zeros_like(q.mean[0, 0]))
            )
            torch.testing.assert_close(product.mean[m, b], expected.mean)
            torch.testing.assert_close(product.log_variance[m, b], expected.log_variance)


def test_gradients_reach_the_given_experts_and_no_others():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 2, 2).double().requires_grad_(), torch.randn(3, 2, 2).double().requires_grad_()
    given_ = torch.tensor([[True, False, True], [False, False, False]])
    for aggregate in AGGREGATES.values():
        got = aggregate(Gaussian(mean, log_variance), given_)
        for gradient in torch.autograd.grad(got.mean.square().sum() + got.variance.sum(), (mean, log_variance)):
            assert (gradient[1, 0] == 0).all()
            assert (gradient[:, 1] == 0).all()
        gradients = torch.autograd.grad(aggregate(Gaussian(mean, log_variance), given_).variance.sum(), log_variance)[0]
        assert (gradients[[0, 2], 0] != 0).all()
    assert torch.autograd.gradcheck(
        lambda m, v: product_of_experts(Gaussian(m, v), given_, prior=True).mean, (mean, log_variance)
    )
