"""Generalised products, barycentres and Hellinger pools against loops, against quadrature of their densities, and under
masks.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import Gaussian, barycentre, geometric_mean, hellinger_pool, mean_of_experts, weighted_product
from mmgen.testing import check_absence, experts_and_masks


def weights_of(logits, members):
    """Softmax over the given modalities, in plain numbers."""
    powers = [math.exp(float(logits[m])) for m in members]
    return [power / sum(powers) for power in powers]


def members_of(available, row):
    return [m for m in range(available.shape[-1]) if available[row, m]]


def normal(z, mean, variance):
    return math.exp(-((z - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


cases = st.tuples(experts_and_masks(empty_rows=True), st.integers(0, 1000))


@given(cases)
def test_a_generalised_product_is_the_equation_written_literally(case):
    (q, available), seed = case
    logits = torch.randn(len(q.mean), q.mean.shape[-1], generator=torch.Generator().manual_seed(seed)).double()
    got = weighted_product(q, available, logits)
    for b, d in itertools.product(range(q.mean.shape[1]), range(q.mean.shape[2])):
        members = members_of(available, b)
        precision = pull = 0.0
        for m, alpha in zip(members, weights_of(logits[:, d], members)):
            precision += alpha / float(q.variance[m, b, d])
            pull += alpha / float(q.variance[m, b, d]) * float(q.mean[m, b, d])
        mean, variance = (pull / precision, 1 / precision) if members else (0.0, 1.0)
        assert float(got.mean[b, d]) == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert float(got.variance[b, d]) == pytest.approx(variance, rel=1e-9)


@given(experts_and_masks(empty_rows=True))
def test_with_equal_weights_a_generalised_product_is_the_geometric_mean(case):
    q, available = case
    got = weighted_product(q, available, torch.full((len(q.mean), q.mean.shape[-1]), 0.7).double())
    expected = geometric_mean(q, available)
    torch.testing.assert_close(got.mean, expected.mean)
    torch.testing.assert_close(got.log_variance, expected.log_variance, atol=1e-9, rtol=1e-9)


@given(cases)
def test_a_barycentre_is_the_equation_written_literally(case):
    (q, available), seed = case
    logits = torch.randn(len(q.mean), generator=torch.Generator().manual_seed(seed)).double()
    for log_weights, got in (
        (logits, barycentre(q, available, log_weights=logits)),
        (0 * logits, barycentre(q, available)),
    ):
        for b, d in itertools.product(range(q.mean.shape[1]), range(q.mean.shape[2])):
            members = members_of(available, b)
            shares = weights_of(log_weights, members)
            mean = sum(w * float(q.mean[m, b, d]) for m, w in zip(members, shares))
            scale = sum(w * math.sqrt(float(q.variance[m, b, d])) for m, w in zip(members, shares)) if members else 1.0
            assert float(got.mean[b, d]) == pytest.approx(mean, rel=1e-9, abs=1e-9)
            assert float(got.variance[b, d]) == pytest.approx(scale**2, rel=1e-9)


def test_no_gaussian_is_nearer_than_the_barycentre():
    torch.manual_seed(0)
    q = Gaussian(torch.randn(3, 1, 1).double(), torch.randn(3, 1, 1).double())
    weights = torch.tensor([0.2, 0.5, 0.3]).double()
    found = barycentre(q, torch.ones(1, 3, dtype=torch.bool), log_weights=weights.log())

    def distance(mean, scale):
        """Σ_m λ_m W₂², by the quantiles of both."""
        u = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
        quantile = torch.special.ndtri(u)
        each = ((mean + scale * quantile) - (q.mean[:, 0] + q.scale[:, 0] * quantile)).square().mean(-1)
        return float((weights * each).sum())

    mean, scale = float(found.mean[0, 0]), float(found.scale[0, 0])
    least = distance(mean, scale)
    for step in (1e-2, -1e-2):
        assert distance(mean + step, scale) > least
        assert distance(mean, scale + step) > least


@pytest.mark.parametrize("learned", [False, True])
@settings(max_examples=25)
@given(case=experts_and_masks(latent_dim=(1, 2), mean=2.0, log_variance=(-1.5, 1.0), empty_rows=True))
def test_a_hellinger_pool_has_the_moments_of_its_density_by_quadrature(case, learned):
    q, available = case
    logits = torch.linspace(-0.7, 0.9, len(q.mean)).double() if learned else torch.zeros(len(q.mean)).double()
    got = hellinger_pool(q, available, log_weights=logits if learned else None)
    axis = np.linspace(-16, 16, 641)
    step = axis[1] - axis[0]
    for b in range(q.mean.shape[1]):
        members = members_of(available, b)
        if not members:
            assert torch.equal(got.mean[b], torch.zeros_like(got.mean[b]))
            assert torch.equal(got.log_variance[b], torch.zeros_like(got.mean[b]))
            continue
        dims = q.mean.shape[2]
        root = 0.0
        for m, w in zip(members, weights_of(logits, members)):
            density = 1.0
            for d in range(dims):
                mean, variance = float(q.mean[m, b, d]), float(q.variance[m, b, d])
                along = np.exp(-((axis - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
                density = density * along.reshape([-1 if k == d else 1 for k in range(dims)])
            root = root + w * np.sqrt(density)
        pool = root**2
        pool = pool / (pool.sum() * step**dims)
        for d in range(dims):
            marginal = pool.sum(tuple(k for k in range(dims) if k != d)) * step ** (dims - 1)
            mean = float((marginal * axis).sum() * step)
            variance = float((marginal * (axis - mean) ** 2).sum() * step)
            assert float(got.mean[b, d]) == pytest.approx(mean, abs=1e-10, rel=1e-10)
            assert float(got.variance[b, d]) == pytest.approx(variance, abs=1e-10, rel=1e-10)


@given(cases)
def test_a_hellinger_pool_is_the_mixture_of_pairs_written_literally(case):
    (q, available), seed = case
    logits = torch.randn(len(q.mean), generator=torch.Generator().manual_seed(seed)).double()
    got = hellinger_pool(q, available, log_weights=logits)
    rows, dims = q.mean.shape[1:]
    for b in range(rows):
        members = members_of(available, b)
        shares = dict(zip(members, weights_of(logits, members)))
        parts = []
        for i, j in itertools.product(members, members):
            overlap, means, variances = 1.0, [], []
            for d in range(dims):
                (mi, vi), (mj, vj) = ((float(q.mean[m, b, d]), float(q.variance[m, b, d])) for m in (i, j))
                variance = 2 / (1 / vi + 1 / vj)
                mean = (mi / vi + mj / vj) / (1 / vi + 1 / vj)
                # what is left of √(q_i q_j) at its mean, once its Gaussian is divided out
                overlap *= math.sqrt(normal(mean, mi, vi) * normal(mean, mj, vj)) / normal(mean, mean, variance)
                means.append(mean)
                variances.append(variance)
            parts.append((shares[i] * shares[j] * overlap, means, variances))
        total = sum(weight for weight, _, _ in parts)
        for d in range(dims):
            mean = sum(w * m[d] for w, m, _ in parts) / total if members else 0.0
            variance = sum(w * (v[d] + (m[d] - mean) ** 2) for w, m, v in parts) / total if members else 1.0
            assert float(got.mean[b, d]) == pytest.approx(mean, rel=1e-8, abs=1e-8)
            assert float(got.variance[b, d]) == pytest.approx(variance, rel=1e-8)


def test_a_hellinger_pool_of_equal_experts_is_that_expert():
    one = Gaussian(torch.randn(1, 4, 3).double(), torch.randn(1, 4, 3).double())
    got = hellinger_pool(one.map(lambda value: value.expand(3, -1, -1)), torch.ones(4, 3, dtype=torch.bool))
    torch.testing.assert_close(got.mean, one.mean[0])
    torch.testing.assert_close(got.log_variance, one.log_variance[0])


POOLS = {
    "generalised product": lambda q, given: weighted_product(
        q, given, torch.zeros(len(q.mean), q.mean.shape[-1]).double()
    ),
    "barycentre": lambda q, given: barycentre(q, given),
    "mean": lambda q, given: mean_of_experts(q, given),
    "Hellinger pool": lambda q, given: hellinger_pool(q, given),
}
pools = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)


@pools
@settings(max_examples=15)
@given(case=experts_and_masks())
def test_a_missing_modality_is_as_if_it_did_not_exist(case, pool):
    check_absence(pool, *case)


@pools
def test_many_subsets_at_once_are_each_alone(pool):
    torch.manual_seed(0)
    q = Gaussian(torch.randn(4, 5, 2).double(), torch.randn(4, 5, 2).double())
    subsets = torch.rand(7, 5, 4) < 0.5
    together = pool(q, subsets)
    for number, subset in enumerate(subsets):
        alone = pool(q, subset)
        torch.testing.assert_close(together.mean[number], alone.mean)
        torch.testing.assert_close(together.log_variance[number], alone.log_variance)


def test_modalities_keep_their_weights_in_another_order():
    torch.manual_seed(0)
    q = Gaussian(torch.randn(3, 4, 2).double(), torch.randn(3, 4, 2).double())
    given_, order = torch.rand(4, 3) < 0.7, torch.tensor([2, 0, 1])
    each, one = torch.randn(3, 2).double(), torch.randn(3).double()
    for pool in (
        lambda q, given, order: weighted_product(q, given, each[order]),
        lambda q, given, order: barycentre(q, given, log_weights=one[order]),
        lambda q, given, order: hellinger_pool(q, given, log_weights=one[order]),
    ):
        before, after = pool(q, given_, torch.arange(3)), pool(q[order], given_[:, order], order)
        torch.testing.assert_close(before.mean, after.mean)
        torch.testing.assert_close(before.log_variance, after.log_variance)


def test_gradients_of_weights_are_those_of_finite_differences():
    torch.manual_seed(0)
    q = Gaussian(torch.randn(3, 4, 2).double(), torch.randn(3, 4, 2).double())
    given_ = torch.tensor([[True, True, True], [True, False, True], [False, False, False], [False, True, False]])
    one = torch.randn(3, dtype=torch.float64, requires_grad=True)
    each = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

    def moments(made):
        return made.mean.square().sum() + made.log_variance.sum()

    assert torch.autograd.gradcheck(lambda w: moments(weighted_product(q, given_, w)), each)
    assert torch.autograd.gradcheck(lambda w: moments(barycentre(q, given_, log_weights=w)), one)
    assert torch.autograd.gradcheck(lambda w: moments(hellinger_pool(q, given_, log_weights=w)), one)
