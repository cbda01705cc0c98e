"""Divergences against loops and quadrature, and under masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given

from mmgen.distributions import (
    Mixture,
    kl_divergence,
    mixture_of_experts,
    uniform_log_weights,
)
from mmgen.testing import experts, experts_and_masks

one_dimensional = experts_and_masks(rows=(1, 2), latent_dim=(1, 1), mean=4, log_variance=(-3, 3))


def textbook_kl(m0, v0, m1, v1):
    return 0.5 * (math.log(v1 / v0) + (v0 + (m0 - m1) ** 2) / v1 - 1)


def seen(available, b):
    return [m for m in range(available.shape[1]) if available[b, m]]


def quadrature_kls_to_the_mixture(means, variances):
    """KL of each Gaussian to their uniform mixture, in one dimension."""
    z = np.linspace(-80, 80, 8_001)
    logs = [
        -((z - mean) ** 2) / (2 * variance) - 0.5 * np.log(2 * np.pi * variance)
        for mean, variance in zip(means, variances, strict=True)
    ]
    log_mixture = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    return [float(np.trapezoid(np.exp(log_q) * (log_q - log_mixture), z)) for log_q in logs]


def quadrature_kls(q, available, b):
    members = seen(available, b)
    return dict(
        zip(
            members,
            quadrature_kls_to_the_mixture(*([float(v[m, b, 0]) for m in members] for v in (q.mean, q.variance))),
            strict=True,
        )
    )


def evenly(count):
    """Numbers that stand for a standard normal: its quantiles at the middles of ``count`` equal shares, ``[count]``."""
    return torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count)


@given(one_dimensional)
def test_kl_to_the_mixture_is_its_integral(case):
    q, available = case
    z = q.mean + q.scale * evenly(5_000)[:, None, None, None]
    got = kl_divergence(q, mixture_of_experts(q, available), z)
    assert got.shape == q.mean.shape[:2]
    for b in range(available.shape[0]):
        for m, value in quadrature_kls(q, available, b).items():
            assert float(got[m, b]) == pytest.approx(value, abs=5e-3)


@given(experts(modalities=(2, 4)))
def test_kl_to_a_mixture_is_the_mean_log_ratio_of_the_samples(case):
    q, p = (
        case[0],
        Mixture(
            case[1:],
            uniform_log_weights(
                torch.ones(case.mean.shape[1], case.mean.shape[0] - 1, dtype=torch.bool), torch.float64
            ),
        ),
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
