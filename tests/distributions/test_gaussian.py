"""Gaussians against their textbook formulas in loops, and against quadrature."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.distributions import Gaussian, Mixture, kl_divergence, kl_gaussians, standard_normal
from mmgen.testing import experts


def number(value):
    return torch.full((1, 1), value, dtype=torch.float64)


def textbook_log_density(z, mean, variance):
    return -math.log(math.sqrt(2 * math.pi * variance)) - (z - mean) ** 2 / (2 * variance)


def textbook_kl(m0, s0, m1, s1):
    return math.log(s1 / s0) + (s0**2 + (m0 - m1) ** 2) / (2 * s1**2) - 0.5


def quadrature_kl(m0, s0, m1, s1):
    z = np.linspace(m0 - 14 * s0, m0 + 14 * s0, 20_001)
    log_q = -0.5 * ((z - m0) / s0) ** 2 - np.log(s0 * np.sqrt(2 * np.pi))
    log_p = -0.5 * ((z - m1) / s1) ** 2 - np.log(s1 * np.sqrt(2 * np.pi))
    return float(np.trapezoid(np.exp(log_q) * (log_q - log_p), z))


@given(experts(modalities=(2, 2)))
def test_log_prob_is_the_textbook_density_summed_over_the_latent_dimensions(case):
    q, z = case[0], case[1].mean
    got = q.log_prob(z)
    assert got.shape == q.mean.shape[:-1]
    for b in range(z.shape[0]):
        expected = sum(
            textbook_log_density(float(z[b, d]), float(q.mean[b, d]), math.exp(float(q.log_variance[b, d])))
            for d in range(z.shape[1])
        )
        assert float(got[b]) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_log_prob_is_normalised():
    q = Gaussian(number(0.7), number(-1.3))
    z = torch.linspace(-8, 9, 4001, dtype=torch.float64)
    assert float(torch.trapezoid(q.log_prob(z[:, None, None])[:, 0].exp(), z)) == pytest.approx(1, abs=1e-10)


@given(experts(modalities=(2, 2)))
def test_kl_is_the_textbook_formula(case):
    q, p = case[0], case[1]
    got, same = kl_gaussians(q, p), kl_divergence(q, p)
    torch.testing.assert_close(got, same, rtol=0, atol=0)
    for b in range(q.mean.shape[0]):
        expected = sum(
            textbook_kl(float(q.mean[b, d]), float(q.scale[b, d]), float(p.mean[b, d]), float(p.scale[b, d]))
            for d in range(q.mean.shape[1])
        )
        assert float(got[b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert float(got[b]) >= -1e-12


@given(st.floats(-3, 3), st.floats(0.3, 3), st.floats(-3, 3), st.floats(0.3, 3))
def test_kl_is_the_integral_that_defines_it(m0, s0, m1, s1):
    q, p = (Gaussian(number(m), number(2 * math.log(s))) for m, s in ((m0, s0), (m1, s1)))
    assert float(kl_gaussians(q, p)) == pytest.approx(quadrature_kl(m0, s0, m1, s1), rel=1e-7, abs=1e-7)


@given(experts())
def test_kl_to_oneself_is_zero_and_pairs_are_first_to_second(case):
    pairs = kl_gaussians(case[:, None], case[None])
    assert pairs.shape == (case.mean.shape[0], *case.mean.shape[:2])
    for m in range(case.mean.shape[0]):
        assert (pairs[m, m] == 0).all()
        for j in range(case.mean.shape[0]):
            torch.testing.assert_close(pairs[m, j], kl_gaussians(case[m], case[j]))


def test_kl_keeps_its_digits_between_nearly_equal_variances():
    difference = 1e-8
    q, p = Gaussian(number(0), number(difference)), standard_normal(number(0))
    # ½ (eᵟ − 1 − δ) = δ²/4 + δ³/12 + …, here 2.5·10⁻¹⁷: a formula with exp loses it in the rounding of 1 + δ.
    assert float(kl_gaussians(q, p)) == pytest.approx(difference**2 / 4, rel=1e-3, abs=0)


def test_samples_have_the_mean_and_variance_and_carry_gradients():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[-1.0, 2.0]]).double()
    q = Gaussian(mean.requires_grad_(), log_variance.requires_grad_())
    z = q.rsample((20_000,))
    assert z.shape == (20_000, 1, 2)
    error = q.scale / math.sqrt(20_000)
    assert ((z.mean(0) - q.mean).abs() < 4 * error).all()
    torch.testing.assert_close(z.var(0), q.variance, rtol=0.05, atol=0)

    def draw(mean, log_variance):
        torch.manual_seed(1)
        return Gaussian(mean, log_variance).rsample((3,))

    assert torch.autograd.gradcheck(draw, (mean, log_variance))


def test_variance_scale_and_precision_say_the_same():
    q = Gaussian(torch.zeros(1, 3).double(), torch.tensor([[-4.0, 0.0, 4.0]]).double())
    torch.testing.assert_close(q.variance, q.scale**2)
    torch.testing.assert_close(q.variance * q.precision, torch.ones(1, 3).double())


def test_indexing_stacking_and_mapping_treat_mean_and_log_variance_alike():
    torch.manual_seed(0)
    several = [Gaussian(torch.randn(4, 2), torch.randn(4, 2)) for _ in range(3)]
    stacked = Gaussian.stack(several)
    assert stacked.mean.shape == (3, 4, 2)
    for m, single in enumerate(several):
        assert torch.equal(stacked[m].mean, single.mean)
        assert torch.equal(stacked[m].log_variance, single.log_variance)
    flat = stacked.map(lambda value: value.flatten(0, 1))
    assert torch.equal(flat.log_variance, torch.cat([single.log_variance for single in several]))
    assert torch.equal(standard_normal(flat).mean, torch.zeros(12, 2))
    assert torch.equal(standard_normal(flat.mean).variance, torch.ones(12, 2))


def test_a_point_has_no_variance_and_its_samples_are_its_mean():
    mean = torch.tensor([[0.5, -3.0], [1e4, 0.0]], requires_grad=True)
    point = Gaussian.point(mean)
    assert torch.equal(point.variance, torch.zeros(2, 2)) and torch.equal(point.scale, torch.zeros(2, 2))
    drawn = point.rsample((3,))
    assert torch.equal(drawn, mean.detach().expand(3, 2, 2))
    drawn.sum().backward()
    assert torch.equal(mean.grad, torch.full((2, 2), 3.0))


def test_a_mixture_of_one_point_is_that_point():
    mixture = Mixture.of(Gaussian.point(torch.tensor([[0.5, -3.0]])))
    assert torch.equal(mixture.mean, torch.tensor([[0.5, -3.0]])) and torch.equal(mixture.variance, torch.zeros(1, 2))
    assert torch.equal(mixture.rsample((2,)), torch.tensor([[[0.5, -3.0]], [[0.5, -3.0]]]))
