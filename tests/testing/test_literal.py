"""The plain equations that oracles are written with, against quadrature and SciPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmgen.distributions import Gaussian
from mmgen.testing import make_model, toy_data
from mmgen.testing.literal import (
    at,
    average,
    constant_noise,
    kl,
    known_experts,
    log_likelihood,
    log_normal,
    product,
    row_of,
    unit,
)

GRID = np.linspace(-60, 60, 60_001)
ROW = st.tuples(*[st.lists(st.floats(-2, 2), min_size=1, max_size=1)] * 2)


def density(row):
    return stats.norm.pdf(GRID, row[0][0], math.exp(row[1][0] / 2))


@given(q=ROW, p=ROW)
def test_the_divergence_is_its_integral(q, p):
    log_p = stats.norm.logpdf(GRID, p[0][0], math.exp(p[1][0] / 2))
    log_q = stats.norm.logpdf(GRID, q[0][0], math.exp(q[1][0] / 2))
    assert kl(q, p) == pytest.approx(float(np.trapezoid(np.exp(log_q) * (log_q - log_p), GRID)), rel=1e-6, abs=1e-9)


@given(parts=st.lists(ROW, min_size=1, max_size=3), power=st.floats(0.2, 3))
def test_a_product_is_the_product_of_densities_normalised(parts, power):
    values = np.exp(
        sum(power * stats.norm.logpdf(GRID, mean[0], math.exp(log_variance[0] / 2)) for mean, log_variance in parts)
    )
    found = density(product(parts, [power] * len(parts)))
    np.testing.assert_allclose(found, values / np.trapezoid(values, GRID), atol=1e-8)


@given(q=ROW, epsilon=st.floats(-3, 3))
def test_points_and_their_log_density(q, epsilon):
    (z,) = at(q, epsilon)
    scale = math.exp(q[1][0] / 2)
    assert (z - q[0][0]) / scale == pytest.approx(epsilon, abs=1e-9)
    assert log_normal([z], q) == pytest.approx(stats.norm.logpdf(z, q[0][0], scale), abs=1e-9)


def test_an_average_has_the_mean_of_the_means_and_of_the_variances():
    mean, log_variance = average([([1.0], [0.0]), ([3.0], [math.log(3.0)])])
    assert (mean, math.exp(log_variance[0])) == ([2.0], pytest.approx(2.0))
    assert product([unit(2)]) == ([0.0, 0.0], [0.0, 0.0])


def test_likelihoods_are_those_of_scipy():
    kinds = ("vector", "counts", "tags")
    model = make_model("elbo", toy_data(kinds)).requires_grad_(False)
    batch, z = model.prepare(toy_data(kinds).train[:2]), [0.3, -0.4, 1.2]
    outputs = {kind: model.decode(torch.tensor([z], dtype=torch.float64), kind)[0, 0].numpy() for kind in kinds}
    r = model.likelihoods[1].log_dispersion.exp().numpy()
    for b in range(2):
        x = {kind: batch.data[kind][b].numpy() for kind in kinds}
        assert log_likelihood(model, batch, b, "vector", z) == pytest.approx(
            stats.norm.logpdf(x["vector"], outputs["vector"]).sum()
        )
        negative = stats.nbinom.logpmf(x["counts"], r, r / (r + np.exp(outputs["counts"]))).sum()
        assert log_likelihood(model, batch, b, "counts", z) == pytest.approx(negative)
        bernoulli = stats.bernoulli.logpmf(x["tags"], 1 / (1 + np.exp(-outputs["tags"]))).sum()
        assert log_likelihood(model, batch, b, "tags", z) == pytest.approx(bernoulli)


def test_a_modality_without_a_written_density_is_named():
    data = toy_data(("vector", "labels"))
    model = make_model("elbo", data)
    with pytest.raises(ValueError, match="'labels' is not written out"):
        log_likelihood(model, model.prepare(data.train[:1]), 0, "labels", [0.0] * 3)


def test_experts_and_noise_are_as_given_and_then_as_before():
    model = make_model("elbo", toy_data())
    batch, experts = (
        model.prepare(toy_data().train[:2]),
        Gaussian(torch.zeros(3, 2, 3).double(), torch.ones(3, 2, 3).double()),
    )
    before = model.experts(batch).mean
    with known_experts(model, experts), constant_noise(2.0):
        assert model.experts(batch) is experts
        assert row_of(model.experts(batch), 1) == [([0.0] * 3, [1.0] * 3)] * 3
        torch.testing.assert_close(experts.rsample((4,)), (2 * experts.scale).expand(4, 3, 2, 3))
    torch.testing.assert_close(model.experts(batch).mean, before)
    assert not torch.equal(experts.rsample(), experts.rsample())
