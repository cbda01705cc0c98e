"""The MWB-VAE against its equation in plain Python loops that share no code with it."""

import itertools
import math

import pytest
import torch

from mmgen.testing import central_noise, make_model, toy_data

KINDS = ("vector", "tags", "counts")
POISSON = {"counts": {"likelihood": "poisson"}}


def subsets(names):
    """All non-empty ones."""
    return [subset for size in range(1, len(names) + 1) for subset in itertools.combinations(names, size)]


def barycentre(experts):
    """Mean and standard deviation per dimension of the barycentre of Gaussians, given as lists of (mean, standard
    deviation).
    """
    dims = range(len(experts[0][0]))
    mean = [sum(mean[d] for mean, _ in experts) / len(experts) for d in dims]
    return mean, [sum(scale[d] for _, scale in experts) / len(experts) for d in dims]


def kl_to_standard_normal(mean, scale):
    return sum(0.5 * (s * s + m * m - 1) - math.log(s) for m, s in zip(mean, scale, strict=True))


def log_density(kind, outputs, values):
    """The log p(x | z) of a normal vector with scale 1, of tags, or of Poisson counts, written out."""
    total = 0.0
    for output, x in zip(outputs, values, strict=True):
        if kind == "vector":
            total += -0.5 * math.log(2 * math.pi) - 0.5 * (x - output) ** 2
        elif kind == "tags":
            total += x * output - math.log1p(math.exp(output))
        else:
            total += x * output - math.exp(output) - math.lgamma(x + 1)
    return total


@pytest.mark.parametrize("has", subsets(KINDS), ids="+".join)
def test_the_equation(has):
    data = toy_data(KINDS)
    model = make_model("mwb", data, modalities=POISSON).requires_grad_(False)
    mask = torch.tensor([[kind in has for kind in KINDS]] * 3)
    batch = model.prepare(data.train[:3].restrict(mask))
    with central_noise():  # so that z is the mean of the mixture
        found = model(batch)
    experts = model.experts(batch)
    for b in range(3):
        given = {
            kind: (experts.mean[m, b].tolist(), experts.scale[m, b].tolist())
            for m, kind in enumerate(KINDS)
            if kind in has
        }
        components = [barycentre([given[kind] for kind in subset]) for subset in subsets(has)]
        divergence = sum(kl_to_standard_normal(*component) for component in components) / len(components)
        assert float(found.divergence[b]) == pytest.approx(divergence)
        z = [sum(mean[d] for mean, _ in components) / len(components) for d in range(len(components[0][0]))]
        for m, kind in enumerate(KINDS):
            outputs = model.decode(torch.tensor([z], dtype=torch.float64), kind)[0, 0].tolist()
            expected = log_density(kind, outputs, batch.data[kind][b].tolist()) if kind in has else 0.0
            assert float(found.log_likelihood[m, b]) == pytest.approx(expected)


def test_the_posterior_of_a_subset_is_nearest_to_its_experts():
    """W₂² between diagonal Gaussians is Σ_d (μ − μ')² + (σ − σ')²; no neighbour of the posterior has a smaller sum of
    them.
    """
    data = toy_data(KINDS)
    model = make_model("mwb", data).requires_grad_(False)
    batch = model.prepare(data.test[:2])
    posterior, experts = model.encode(batch, given=["vector", "counts"]), model.experts(batch)

    def distance(mean, scale, b):
        return sum(
            (mean[d] - float(experts.mean[m, b, d])) ** 2 + (scale[d] - float(experts.scale[m, b, d])) ** 2
            for m in (0, 2)
            for d in range(len(mean))
        )

    for b in range(2):
        mean, scale = posterior.mean[b].tolist(), posterior.variance[b].sqrt().tolist()
        least = distance(mean, scale, b)
        for d in range(len(mean)):
            for step in (-1e-3, 1e-3):
                moved = [value + step * (i == d) for i, value in enumerate(mean)]
                assert distance(moved, scale, b) > least
                moved = [value + step * (i == d) for i, value in enumerate(scale)]
                assert distance(mean, moved, b) > least


def test_more_draws_are_averaged():
    data = toy_data(KINDS)
    one, many = (make_model("mwb", data, samples=samples).requires_grad_(False) for samples in (1, 7))
    with central_noise():
        torch.testing.assert_close(many(data.train[:4]).log_likelihood, one(data.train[:4]).log_likelihood)
    torch.manual_seed(0)
    spread = {
        model: torch.stack([model(data.train[:4]).log_likelihood.sum(0) for _ in range(200)]).var(0).mean()
        for model in (one, many)
    }
    assert 3 < spread[one] / spread[many] < 14  # 7 where draws are independent
