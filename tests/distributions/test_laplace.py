"""Laplace distributions, their mixtures and divergences against loops and numerical integrals; noise that is fixed at
its median.
"""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import (
    Gaussian,
    Laplace,
    Mixture,
    central_noise,
    kl_divergence,
    kl_laplaces,
    laplace_noise,
    mixture_of_experts,
    normal_noise,
    sampled_subsets,
    share_of_batch,
    standard_laplace,
    stratified_uniform,
    uniform_noise,
)
from mmgen.testing import experts, experts_and_masks

float64 = torch.float64


def laplaces(gaussians):
    return Laplace(gaussians.mean, 0.5 * gaussians.log_variance)


def log_density(x, mean, scale):
    return -abs(x - mean) / scale - math.log(2 * scale)


def kl_integrand(q, p):
    """q(x) log q(x)/p(x) of two distributions of one number, as a function of x ``[n]``."""

    def integrand(x):
        log_q, log_p = (each.log_prob(x[:, None, None])[:, 0] for each in (q, p))
        return log_q.exp() * (log_q - log_p)

    return integrand


def integral(function, *kinks, width=60.0, steps=40_000):
    """∫ by the midpoint rule between the kinks and far beyond them."""
    edges = [min(kinks) - width, *sorted(kinks), max(kinks) + width]
    total = 0.0
    for low, high in pairwise(edges):
        x = low + (high - low) * (torch.arange(steps, dtype=float64) + 0.5) / steps
        total += float(function(x).sum()) * (high - low) / steps
    return total


@given(experts())
def test_log_prob_is_the_formula_in_loops(gaussians):
    each = laplaces(gaussians)
    torch.manual_seed(0)
    z = torch.randn(4, *each.mean.shape, dtype=float64)
    got = each.log_prob(z)
    for k, m, b in torch.cartesian_prod(*(torch.arange(n) for n in got.shape)).reshape(-1, 3).tolist():
        expected = sum(
            log_density(float(z[k, m, b, d]), float(each.mean[m, b, d]), math.exp(float(each.log_scale[m, b, d])))
            for d in range(z.shape[-1])
        )
        assert float(got[k, m, b]) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (2.0, 0.3), (-1.0, 4.0)])
def test_samples_have_the_distribution(mean, scale):
    torch.manual_seed(0)
    each = Laplace(torch.full((1, 1), mean, dtype=float64), torch.full((1, 1), math.log(scale), dtype=float64))
    z = each.rsample((40_000,)).flatten()
    assert float(z.mean()) == pytest.approx(mean, abs=5 * scale * math.sqrt(2 / 40_000))
    assert float((z - mean).abs().mean()) == pytest.approx(scale, rel=0.03)
    assert float(z.var()) == pytest.approx(float(each.variance), rel=0.06)
    assert float(each.variance) == pytest.approx(2 * scale**2)
    assert float(each.scale) == pytest.approx(scale)
    for share in (0.01, 0.25, 0.9):
        quantile = mean + scale * (math.log(2 * share) if share < 0.5 else -math.log(2 * (1 - share)))
        assert float((z < quantile).double().mean()) == pytest.approx(
            share, abs=5 * math.sqrt(share * (1 - share) / 40_000)
        )


def test_samples_are_reparameterised():
    mean, log_scale = (
        torch.zeros(3, 2, dtype=float64, requires_grad=True),
        torch.zeros(3, 2, dtype=float64, requires_grad=True),
    )
    torch.manual_seed(0)
    z = Laplace(mean, log_scale).rsample()
    to_mean, to_log_scale = torch.autograd.grad(z.sum(), (mean, log_scale))
    assert torch.equal(to_mean, torch.ones_like(mean))
    torch.testing.assert_close(to_log_scale, z.detach())


@settings(max_examples=12)
@given(
    st.floats(-3, 3), st.floats(-1.5, 1.5), st.floats(-3, 3), st.floats(-1.5, 1.5)
)  # beyond these the tails leave the range of the integral
def test_the_closed_form_is_the_integral(m0, s0, m1, s1):
    q, p = (
        Laplace(torch.tensor([[m]], dtype=float64), torch.tensor([[s]], dtype=float64)) for m, s in ((m0, s0), (m1, s1))
    )

    expected = integral(kl_integrand(q, p), m0, m1)
    assert float(kl_laplaces(q, p)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(experts(modalities=(2, 2)))
def test_the_closed_form_sums_over_dimensions_and_is_a_divergence(gaussians):
    q, p = laplaces(gaussians)[0], laplaces(gaussians)[1]
    got = kl_laplaces(q, p)
    for b in range(got.shape[0]):
        expected = 0.0
        for d in range(q.mean.shape[-1]):
            distance = abs(float(q.mean[b, d] - p.mean[b, d]))
            bq, bp = math.exp(float(q.log_scale[b, d])), math.exp(float(p.log_scale[b, d]))
            expected += math.log(bp / bq) + distance / bp + bq / bp * math.exp(-distance / bq) - 1
        assert float(got[b]) == pytest.approx(expected, rel=1e-8, abs=1e-8)
    assert (got >= 0).all()
    assert (kl_laplaces(q, q) == 0).all()
    torch.testing.assert_close(kl_divergence(q, p), got)


def test_nearly_equal_distributions_keep_their_digits():
    q, p = Laplace(torch.zeros(1, 1), torch.zeros(1, 1)), Laplace(torch.full((1, 1), 1e-4), torch.full((1, 1), 1e-4))
    exact = 1e-8  # to second order (δ² + r²) / 2 with δ the distance and r the log-ratio
    assert float(kl_laplaces(q, p)) == pytest.approx(exact, rel=1e-2)


@pytest.mark.parametrize("q_family", [Gaussian, Laplace])
@pytest.mark.parametrize("p_family", [Gaussian, Laplace])
def test_divergences_across_families_are_the_integral(q_family, p_family):
    q = q_family(torch.tensor([[0.5]], dtype=float64), torch.tensor([[0.2]], dtype=float64))
    p = p_family(torch.tensor([[-0.3]], dtype=float64), torch.tensor([[0.4]], dtype=float64))

    torch.manual_seed(0)
    samples = q.rsample((200_000,))
    got = float(kl_divergence(q, p, samples))
    expected = integral(kl_integrand(q, p), 0.5, -0.3)
    assert got == pytest.approx(expected, abs=0.0 if q_family is p_family else 0.01, rel=1e-5)
    assert torch.equal(kl_divergence(q, p, samples), kl_divergence(q, p, samples[:3])) == (q_family is p_family)


@given(experts_and_masks(empty_rows=True))
def test_mixtures_of_laplaces(case):
    gaussians, available = case
    each = laplaces(gaussians)
    mixture = mixture_of_experts(each, available)
    torch.manual_seed(0)
    z = torch.randn(3, *each.mean.shape[1:], dtype=float64)
    got = mixture.log_prob(z)
    for b in range(available.shape[0]):
        members = [m for m in range(available.shape[1]) if available[b, m]]
        for k in range(3):
            parts = []
            for m in members or [0]:
                terms = [
                    log_density(
                        float(z[k, b, d]),
                        float(each.mean[m, b, d]) if members else 0.0,
                        math.exp(float(each.log_scale[m, b, d])) if members else 1.0,
                    )
                    for d in range(z.shape[-1])
                ]
                parts.append(sum(terms))
            highest = max(parts)
            expected = highest + math.log(sum(math.exp(part - highest) for part in parts) / len(parts))
            assert float(got[k, b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        mean = sum(float(each.mean[m, b, 0]) for m in members) / max(len(members), 1)
        second = sum(
            2 * math.exp(2 * float(each.log_scale[m, b, 0])) + float(each.mean[m, b, 0]) ** 2 for m in members
        ) / max(len(members), 1)
        assert float(mixture.mean[b, 0]) == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert float(mixture.variance[b, 0]) == pytest.approx(second - mean**2 if members else 2.0, rel=1e-8, abs=1e-8)


def test_samples_of_a_mixture_are_of_its_family():
    torch.manual_seed(0)
    places = torch.tensor([-50.0, 50.0], dtype=float64)[:, None, None].expand(2, 4, 1)
    z = mixture_of_experts(
        Laplace(places, torch.full_like(places, math.log(2))), torch.ones(4, 2, dtype=torch.bool)
    ).rsample((20_000,))
    assert float((z > 0).double().mean()) == pytest.approx(0.5, abs=1e-3)
    away = z.abs() - 50
    assert float(away.abs().mean()) == pytest.approx(2, rel=0.03)
    assert float(away.square().mean()) == pytest.approx(8, rel=0.06)


def test_shapes_follow_every_change():
    several = [Laplace(torch.randn(2, 3), torch.randn(2, 3)) for _ in range(4)]
    stacked = Laplace.stack(several)
    assert stacked.mean.shape == (4, 2, 3)
    assert torch.equal(stacked[2].log_scale, several[2].log_scale)
    assert torch.equal(stacked.map(lambda value: value.flip(0)).mean[0], several[3].mean)
    standard = standard_laplace(stacked)
    assert torch.equal(standard.mean, torch.zeros(4, 2, 3)) and torch.equal(standard.scale, torch.ones(4, 2, 3))
    assert torch.equal(standard_laplace(Gaussian(torch.ones(1, 2), torch.ones(1, 2))).mean, torch.zeros(1, 2))
    assert Mixture.of(several[0]).components.mean.shape == (1, 2, 3)


@settings(max_examples=8)
@given(cuts=st.sets(st.integers(1, 6)))
def test_shares_of_a_batch_draw_what_the_whole_batch_draws(cuts):
    like = torch.zeros((), dtype=float64)
    torch.manual_seed(3)
    whole = laplace_noise((2, 7, 3), like)
    after = torch.rand(())
    parts = []
    for start, stop in pairwise([0, *sorted(cuts), 7]):
        torch.manual_seed(3)
        with share_of_batch(start, stop, 7):
            parts.append(laplace_noise((2, stop - start, 3), like))
        assert torch.equal(torch.rand(()), after)
    assert torch.equal(torch.cat(parts, 1), whole)


def test_central_noise_is_the_median_and_ends_also_by_an_error():
    like = torch.zeros((), dtype=float64)
    with central_noise():
        assert torch.equal(normal_noise((2, 3), like), torch.zeros(2, 3, dtype=float64))
        assert torch.equal(laplace_noise((2, 3), like), torch.zeros(2, 3, dtype=float64))
        assert torch.equal(uniform_noise((2, 3), like), torch.full((2, 3), 0.5, dtype=float64))
        assert torch.equal(stratified_uniform((3,), like), torch.full((3,), 0.5, dtype=float64))
        assert torch.equal(
            sampled_subsets(torch.ones(2, 2, dtype=torch.bool), 1)[0, 0], torch.tensor([False, True])
        )  # the second of three
    with pytest.raises(RuntimeError), central_noise():
        raise RuntimeError
    assert normal_noise((2, 3), like).all()
