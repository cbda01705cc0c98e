"""Mixtures of Gaussians that are conditioned and fitted, against sums over rows, clusters and dimensions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from mmgen.distributions import GaussianMixture, Seen, fit_mixture

SEEDS = st.integers(0, 10_000)


def some_mixture(generator, count, size):
    weights = torch.rand(count, dtype=torch.float64, generator=generator) + 0.1
    mean = 2 * torch.randn(count, size, dtype=torch.float64, generator=generator)
    root = torch.randn(count, size, size + 2, dtype=torch.float64, generator=generator)
    return GaussianMixture((weights / weights.sum()).log(), mean, torch.linalg.cholesky(root @ root.mT))


def linear_rows(generator, size, rows, columns=4):
    """x = W z + noise with one W for the first half of the rows and another for the rest: values, and what they say."""
    x = torch.randn(rows, columns, dtype=torch.float64, generator=generator)
    loadings = torch.randn(2, columns, size, dtype=torch.float64, generator=generator)
    noise = torch.rand(columns, dtype=torch.float64, generator=generator) + 0.2
    of = (torch.arange(rows) >= rows // 2).long()
    precision = torch.stack([loadings[k].T @ (loadings[k] / noise[:, None]) for k in of.tolist()])
    pull = torch.stack([loadings[k].T @ (row / noise) for k, row in zip(of.tolist(), x)])
    return x, loadings[of], noise, Seen.rows(precision, pull)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 4), st.integers(1, 3))
def test_evidence_and_posterior_are_those_of_the_linear_model(seed, count, size):
    """log Σ_k w_k N(x; W μ_k, W Σ_k Wᵀ + Ψ), and the moments of z by the conditional of the joint Gaussian."""
    generator = torch.Generator().manual_seed(seed)
    density = some_mixture(generator, count, size)
    x, loadings, noise, seen = linear_rows(generator, size, 6)
    assert len(seen.patterns) == 2
    (evidence, middle), posterior = density.evidence(seen), density.given(seen)
    assert middle.numpy() == pytest.approx(posterior.mean.numpy(), abs=1e-9)
    for n, (row, loading) in enumerate(zip(x, loadings, strict=True)):
        constant = multivariate_normal.logpdf(row, torch.zeros_like(row), noise.diag())  # log p(x | z = 0)
        logs, means, covariances = [], [], []
        for k in range(count):
            mean, covariance = density.mean[k], density.factor[k] @ density.factor[k].T
            marginal = loading @ covariance @ loading.T + noise.diag()
            gain = covariance @ loading.T @ torch.linalg.inv(marginal)
            logs.append(float(density.log_weights[k]) + multivariate_normal.logpdf(row, loading @ mean, marginal))
            means.append(mean + gain @ (row - loading @ mean))
            covariances.append(covariance - gain @ loading @ covariance)
        total = math.log(sum(math.exp(each) for each in logs))
        assert float(evidence[n]) == pytest.approx(total - constant, rel=1e-8, abs=1e-8)
        assert posterior.log_weights[:, n].tolist() == pytest.approx([each - total for each in logs], abs=1e-7)
        for k in range(count):
            assert posterior.components.mean[k, n].tolist() == pytest.approx(means[k].tolist(), abs=1e-7)
            found = posterior.components.covariance[k, n].flatten().tolist()
            assert found == pytest.approx(covariances[k].flatten().tolist(), abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 4), st.integers(1, 3))
def test_density_moments_and_units(seed, count, size):
    generator = torch.Generator().manual_seed(seed)
    density = some_mixture(generator, count, size)
    z = torch.randn(2, 5, size, dtype=torch.float64, generator=generator)
    expected = sum(
        math.exp(density.log_weights[k])
        * multivariate_normal.pdf(z.numpy(), density.mean[k], density.factor[k] @ density.factor[k].T).reshape(2, 5)
        for k in range(count)
    )
    assert density.log_prob(z).numpy() == pytest.approx(np.log(expected), abs=1e-8)
    mean, covariance = density.moments
    weights = density.log_weights.exp()
    assert mean.tolist() == pytest.approx(sum(w * m for w, m in zip(weights, density.mean)).tolist())
    second = sum(w * (f @ f.T + torch.outer(m, m)) for w, m, f in zip(weights, density.mean, density.factor))
    assert covariance.flatten().tolist() == pytest.approx(
        (second - torch.outer(mean, mean)).flatten().tolist(), abs=1e-8
    )
    factor = torch.linalg.cholesky(covariance)
    units = density.unmapped(mean, factor)
    assert units.moments[0].tolist() == pytest.approx([0.0] * size, abs=1e-8)
    assert units.moments[1].numpy() == pytest.approx(np.eye(size), abs=1e-8)
    u = torch.linalg.solve_triangular(factor, (z - mean)[..., None], upper=False)[..., 0]
    assert (units.log_prob(u) - factor.diagonal().log().sum()).numpy() == pytest.approx(density.log_prob(z).numpy())
    again = units.mapped(mean, factor)
    assert again.mean.numpy() == pytest.approx(density.mean.numpy())
    assert again.factor.numpy() == pytest.approx(density.factor.numpy())


def literal_round(weights, means, covariances, precisions, pulls):
    """One round of expectation and maximisation, row by row and cluster by cluster."""
    size, rows, count = len(means[0]), len(pulls), len(weights)
    shares, own = np.zeros((rows, count)), {}
    for n in range(rows):
        logs = []
        for k in range(count):
            prior = np.linalg.inv(covariances[k])
            after = np.linalg.inv(prior + precisions[n])
            h = prior @ means[k] + pulls[n]
            own[n, k] = (after @ h, after)
            exponent = h @ after @ h - means[k] @ prior @ means[k]
            logs.append(
                np.log(weights[k])
                + 0.5 * (exponent + np.linalg.slogdet(after)[1] - np.linalg.slogdet(covariances[k])[1])
            )
        shares[n] = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    new_means, scatter = [], []
    for k in range(count):
        mean = sum(shares[n, k] * own[n, k][0] for n in range(rows)) / shares[:, k].sum()
        new_means.append(mean)
        scatter.append(
            sum(shares[n, k] * (own[n, k][1] + np.outer(own[n, k][0] - mean, own[n, k][0] - mean)) for n in range(rows))
        )
    nu, counts = size + 2, shares.sum(0)
    new = [(s + nu * sum(scatter) / rows) / (n + nu) + 1e-6 * np.eye(size) for s, n in zip(scatter, counts)]
    return (counts + 1) / (counts + 1).sum(), new_means, new


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_rounds_are_those_of_the_equations(seed, count, size):
    generator = torch.Generator().manual_seed(seed)
    *_, seen = linear_rows(generator, size, 12)
    before, after = (fit_mixture(seen, count, seed=seed, iterations=n) for n in (1, 2))
    found = literal_round(
        before.log_weights.exp().numpy(),
        list(before.mean.numpy()),
        list((before.factor @ before.factor.mT).numpy()),
        list(seen.patterns[seen.of].numpy()),
        list(seen.pull.numpy()),
    )
    assert after.log_weights.exp().numpy() == pytest.approx(found[0], abs=1e-9)
    assert after.mean.numpy() == pytest.approx(np.array(found[1]), abs=1e-8)
    assert (after.factor @ after.factor.mT).numpy() == pytest.approx(np.array(found[2]), abs=1e-8)


def test_clusters_are_found_again():
    """Three that are far apart, each with a third of the rows, seen through noise."""
    draw = np.random.default_rng(0)
    middles = np.array([[3.0, 0.0], [-2.0, 2.0], [-1.0, -3.0]])
    of = np.arange(300) % 3
    z = middles[of] + 0.3 * draw.normal(size=(300, 2))
    x = torch.from_numpy(z + 0.4 * draw.normal(size=(300, 2))) / 0.4**2
    seen = Seen.rows(torch.eye(2, dtype=torch.float64).repeat(300, 1, 1) / 0.4**2, x)
    found = fit_mixture(seen, 3)
    order = [int(((found.mean.numpy() - middle) ** 2).sum(1).argmin()) for middle in middles]
    assert sorted(order) == [0, 1, 2]
    assert found.mean[order].numpy() == pytest.approx(middles, abs=0.15)
    assert (found.factor @ found.factor.mT)[order].numpy() == pytest.approx(
        np.tile(0.3**2 * np.eye(2), (3, 1, 1)), abs=0.08
    )
    assert found.log_weights.exp().numpy() == pytest.approx([1 / 3] * 3, abs=0.01)


def test_fewer_different_rows_than_clusters_are_no_error():
    seen = Seen.rows(torch.eye(2, dtype=torch.float64).repeat(6, 1, 1), torch.zeros(6, 2, dtype=torch.float64))
    found = fit_mixture(seen, 4)
    assert all(each.isfinite().all() for each in (found.log_weights, found.mean, found.factor))


def test_draws_are_those_of_the_density():
    density = some_mixture(torch.Generator().manual_seed(4), 3, 2)
    torch.manual_seed(0)
    drawn = density.sample(20_000)
    mean, covariance = density.moments
    assert drawn.mean(0).numpy() == pytest.approx(mean.numpy(), abs=0.1)
    assert torch.cov(drawn.T).numpy() == pytest.approx(covariance.numpy(), rel=0.08, abs=0.15)
