"""Divergences against loops and quadrature, the inequalities between them, and masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mmgen.distributions.gaussian
from mmgen.distributions import (
    Gaussian,
    Mixture,
    geometric_jensen_shannon,
    jensen_shannon,
    kl_divergence,
    kl_to_mixture_bound,
    kl_to_siblings,
    mixture_of_experts,
    uniform_log_weights,
)
from mmgen.testing import experts, experts_and_masks

one_dimensional = experts_and_masks(rows=(1, 2), latent_dim=(1, 1), mean=4, log_variance=(-3, 3))


def textbook_kl(m0, v0, m1, v1):
    return 0.5 * (math.log(v1 / v0) + (v0 + (m0 - m1) ** 2) / v1 - 1)


def seen(available, b):
    return [m for m in range(available.shape[1]) if available[b, m]]


def kl(q, m, j, b):
    return sum(
        textbook_kl(float(q.mean[m, b, d]), float(q.variance[m, b, d]), float(q.mean[j, b, d]), float(q.variance[j, b, d]))
        for d in range(q.mean.shape[-1])
    )


def quadrature_kls_to_the_mixture(means, variances):
    """KL of each Gaussian to their uniform mixture, in one dimension."""
    z = np.linspace(-80, 80, 8_001)
    logs = [
        -((z - mean) ** 2) / (2 * variance) - 0.5 * np.log(2 * np.pi * variance) for mean, variance in zip(means, variances, strict=True)
    ]
    log_mixture = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    return [float(np.trapezoid(np.exp(log_q) * (log_q - log_mixture), z)) for log_q in logs]


def quadrature_kls(q, available, b):
    members = seen(available, b)
    return dict(
        zip(members, quadrature_kls_to_the_mixture(*([float(v[m, b, 0]) for m in members] for v in (q.mean, q.variance))), strict=True)
    )


def evenly(count):
    """Numbers that stand for a standard normal: its quantiles at the middles of ``count`` equal shares, ``[count]``."""
    return torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count)


@given(experts_and_masks(empty_rows=True))
def test_kl_to_siblings_is_the_mean_over_the_given_ones_written_in_loops(case):
    q, available = case
    got = kl_to_siblings(q, available)
    for b in range(available.shape[0]):
        members = seen(available, b)
        for m in range(available.shape[1]):
            expected = sum(kl(q, m, j, b) for j in members) / max(len(members), 1)
            assert float(got[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(experts_and_masks(log_variance=(-3, 3)))
def test_bound_on_the_kl_to_the_mixture_is_its_formula_written_in_loops(case):
    q, available = case
    got = kl_to_mixture_bound(q, available)
    for b in range(available.shape[0]):
        members = seen(available, b)
        for m in members:
            expected = -math.log(sum(math.exp(-kl(q, m, j, b)) for j in members) / len(members))
            assert float(got[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(experts_and_masks())
def test_geometric_jensen_shannon_is_its_formula_written_in_loops(case):
    q, available = case
    for prior in (False, True):
        got = geometric_jensen_shannon(q, available, prior=prior)
        for b in range(available.shape[0]):
            expected = 0.0
            for d in range(q.mean.shape[-1]):
                parts = [(float(q.mean[m, b, d]), float(q.variance[m, b, d])) for m in seen(available, b)] + [(0.0, 1.0)] * prior
                precision = sum(1 / variance for _, variance in parts) / len(parts)
                mean = sum(mu / variance for mu, variance in parts) / len(parts) / precision
                expected += sum(textbook_kl(mu, variance, mean, 1 / precision) for mu, variance in parts) / len(parts)
            assert float(got[b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert float(got[b]) >= -1e-12


@given(one_dimensional)
def test_pairwise_bound_above_mixture_bound_above_kl_to_the_mixture_above_zero(case):
    q, available = case
    pairwise_bound, bound = kl_to_siblings(q, available), kl_to_mixture_bound(q, available)
    for b in range(available.shape[0]):
        exact = quadrature_kls(q, available, b)
        for m, value in exact.items():
            assert float(pairwise_bound[m, b]) >= float(bound[m, b]) - 1e-9
            assert float(bound[m, b]) >= value - 1e-7
            assert value >= -1e-7
            assert float(bound[m, b]) <= math.log(len(exact)) + 1e-9
        assert -1e-7 <= sum(exact.values()) <= len(exact) * math.log(len(exact)) + 1e-7


@given(one_dimensional)
def test_kl_to_the_mixture_is_its_integral(case):
    q, available = case
    z = q.mean + q.scale * evenly(5_000)[:, None, None, None]
    got = kl_divergence(q, mixture_of_experts(q, available), z)
    assert got.shape == q.mean.shape[:2]
    for b in range(available.shape[0]):
        for m, value in quadrature_kls(q, available, b).items():
            assert float(got[m, b]) == pytest.approx(value, abs=5e-3)


@given(one_dimensional)
def test_m_times_jensen_shannon_is_the_sum_of_the_kls_to_the_mixture(case):
    q, available = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmgen.distributions.gaussian, "normal_noise", lambda shape, like: evenly(shape[0])[:, None, None, None].expand(shape))
        got = jensen_shannon(q, available, samples=5_000)
    for b in range(available.shape[0]):
        exact = quadrature_kls(q, available, b)
        assert len(exact) * float(got[b]) == pytest.approx(sum(exact.values()), abs=5e-3 * len(exact))


def test_jensen_shannon_by_monte_carlo_finds_the_integral():
    torch.manual_seed(0)
    q = Gaussian(
        torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)[:, None, None],
        torch.tensor([0.0, -1.0, 0.7], dtype=torch.float64)[:, None, None],
    )
    everything = torch.ones(1, 3, dtype=torch.bool)
    exact = sum(quadrature_kls(q, everything, 0).values()) / 3
    few = torch.stack([jensen_shannon(q, everything) for _ in range(4_000)])
    assert float(few.mean()) == pytest.approx(exact, abs=4.5 * float(few.std()) / math.sqrt(4_000))
    assert float(jensen_shannon(q, everything, samples=40_000)) == pytest.approx(exact, abs=0.02)


def test_experts_that_agree_have_no_divergence_and_experts_far_apart_log_m():
    torch.manual_seed(0)
    everything = torch.ones(2, 3, dtype=torch.bool)
    same = Gaussian(torch.randn(1, 2, 2, dtype=torch.float64).expand(3, 2, 2), torch.zeros(3, 2, 2, dtype=torch.float64))
    apart = Gaussian(same.mean + 1e3 * torch.arange(3)[:, None, None], same.log_variance)
    zero, log_3 = torch.zeros(2, dtype=torch.float64), torch.full((2,), math.log(3), dtype=torch.float64)
    for divergence in (
        jensen_shannon,
        geometric_jensen_shannon,
        lambda q, g: kl_to_mixture_bound(q, g)[0],
        lambda q, g: kl_to_siblings(q, g)[0],
    ):
        torch.testing.assert_close(divergence(same, everything), zero)
    torch.testing.assert_close(jensen_shannon(apart, everything), log_3)
    torch.testing.assert_close(kl_to_mixture_bound(apart, everything)[1], log_3)
    assert (kl_to_siblings(apart, everything) > 1e5).all()  # never saturates
    assert (geometric_jensen_shannon(apart, everything) > 1e5).all()


def rows_of(divergence):
    """A divergence ``[M, B]`` summed over the given modalities of each row, so that it can be compared between numbers of modalities."""
    return lambda q, available: torch.where(available.T, divergence(q, available), 0.0).sum(0)


ROWWISE = {
    "kl to siblings": rows_of(kl_to_siblings),
    "bound on the kl to the mixture": rows_of(kl_to_mixture_bound),
    "geometric Jensen-Shannon": geometric_jensen_shannon,
    "geometric Jensen-Shannon with the prior": lambda q, available: geometric_jensen_shannon(q, available, prior=True),
}
rowwise = pytest.mark.parametrize("divergence", ROWWISE.values(), ids=ROWWISE)


@rowwise
@given(case=experts_and_masks())
def test_a_missing_modality_is_as_if_it_did_not_exist(case, divergence):
    q, available = case
    whole = divergence(q, available)
    assert whole.shape == available.shape[:1]
    for b in range(available.shape[0]):
        keep = available[b]
        torch.testing.assert_close(whole[b], divergence(q[keep][:, b : b + 1], keep[keep][None])[0])


@rowwise
@given(case=experts_and_masks(empty_rows=True), seed=st.integers(0, 100))
def test_the_order_of_the_modalities_does_not_matter(case, seed, divergence):
    q, available = case
    order = torch.randperm(available.shape[1], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(divergence(q, available), divergence(q[order], available[:, order]))


@given(experts_and_masks(), st.integers(0, 100))
def test_jensen_shannon_knows_neither_missing_modalities_nor_their_order(case, seed):
    q, available = case
    noise = torch.randn(3, *q.mean.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    order = torch.randperm(available.shape[1], generator=torch.Generator().manual_seed(seed))

    def with_noise(noise, q, available):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mmgen.distributions.gaussian, "normal_noise", lambda shape, like: noise.reshape(shape))
            return jensen_shannon(q, available, samples=3)

    whole = with_noise(noise, q, available)
    torch.testing.assert_close(whole, with_noise(noise[:, order], q[order], available[:, order]))
    for b in range(available.shape[0]):
        keep = available[b]
        part = with_noise(noise[:, keep][:, :, b : b + 1], q[keep][:, b : b + 1], keep[keep][None])
        torch.testing.assert_close(whole[b], part[0])


@given(experts(modalities=(2, 4)))
def test_kl_to_a_mixture_is_the_mean_log_ratio_of_the_samples(case):
    q, p = (
        case[0],
        Mixture(case[1:], uniform_log_weights(torch.ones(case.mean.shape[1], case.mean.shape[0] - 1, dtype=torch.bool), torch.float64)),
    )
    torch.manual_seed(0)
    z = q.rsample((4,))
    got = kl_divergence(q, p, z)
    torch.testing.assert_close(kl_divergence(q, p, z[0]), q.log_prob(z[0]) - p.log_prob(z[0]))
    for b in range(case.mean.shape[1]):
        expected = sum(float(q.log_prob(z[k])[b]) - float(p.log_prob(z[k])[b]) for k in range(4)) / 4
        assert float(got[b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(experts(modalities=(2, 2)))
def test_kl_to_a_mixture_draws_its_own_samples_when_there_are_none(case):
    q, p = case[0], Mixture.of(case[1])
    torch.manual_seed(0)
    got = kl_divergence(q, p)
    torch.manual_seed(0)
    torch.testing.assert_close(got, kl_divergence(q, p, q.rsample()), rtol=0, atol=0)
    assert got.shape == q.mean.shape[:1]


def test_divergences_have_the_gradients_of_their_formulas():
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    available = torch.tensor([[True, False, True], [True, True, True]])

    def monte_carlo(q, available):
        torch.manual_seed(1)
        return jensen_shannon(q, available, samples=2)

    for divergence in (*ROWWISE.values(), monte_carlo):
        assert torch.autograd.gradcheck(lambda m, v, f=divergence: f(Gaussian(m, v), available), (mean, log_variance))
