"""Likelihoods against torch.distributions, normalisation, moments, and shapes."""

import math

import pytest
import torch
from torch import distributions

from mmgen.data import make_likelihood
from mmgen.distributions.likelihoods import Laplace, NegativeBinomial, Normal, ScaleConfig
from mmgen.registry import entries, load

float64 = torch.float64
SHAPE = (2, 3)
OPTIONS = {
    "normal": {"scale": 0.6},
    "normal, learned scale": {"scale": 0.6, "scale_kind": "learned"},
    "normal, predicted scale": {"scale": 0.6, "scale_kind": "predicted"},
    "squared-error": {},
    "laplace": {"scale": 0.75},
    "laplace, learned scale": {"scale": 0.75, "scale_kind": "learned"},
    "laplace, predicted scale": {"scale": 0.75, "scale_kind": "predicted"},
    "bernoulli": {},
    "categorical": {"categories": 5},
    "ordinal": {"categories": 5},
    "ordinal, yes or no": {"categories": 2},
    "poisson": {},
    "negative-binomial": {},
    "zero-inflated-negative-binomial": {},
    "student-t": {"scale": 0.6, "degrees": 5},
    "student-t, learned degrees": {"degrees": 6, "degrees_kind": "learned"},
    "student-t, learned scale": {"scale": 0.6, "scale_kind": "learned"},
    "student-t, predicted scale": {"scale": 0.6, "scale_kind": "predicted"},
    "log-normal": {"scale": 0.6},
    "log-normal, learned scale": {"scale": 0.6, "scale_kind": "learned", "least_scale": 0.03},
    "log-normal, predicted scale": {"scale": 0.6, "scale_kind": "predicted"},
    "beta": {},
}


class FurtherZeros:
    """Zero-inflated negative binomial, by torch.distributions."""

    def __init__(self, counted, share):
        self.counted, self.share = counted, share
        self.mean = (1 - share) * counted.mean
        second = (1 - share) * (counted.variance + counted.mean**2)
        self.variance = second - self.mean**2

    def sample(self):
        return torch.where(torch.bernoulli(self.share) == 1, 0.0, self.counted.sample())

    def log_prob(self, x):
        counted = (1 - self.share) * self.counted.log_prob(x).exp()
        return torch.where(x == 0, self.share + counted, counted).log()


def ordered(p, own):
    """Probabilities of categories as differences of logistic distribution functions."""
    gaps = [] if own.log_gaps is None else [gap.exp() for gap in own.log_gaps]
    below, threshold = [torch.zeros_like(p[..., 0, :, :])], own.first
    for gap in [*gaps, None]:
        below.append(torch.sigmoid(threshold - p[..., 0, :, :]))
        threshold = threshold if gap is None else threshold + gap
    below.append(torch.ones_like(below[0]))
    return distributions.Categorical(probs=(torch.stack(below[1:], -1) - torch.stack(below[:-1], -1)))


REFERENCES = {  # parameters [..., outputs, 2, 3] to the distribution that they mean
    "normal": lambda p, own: distributions.Normal(p[..., 0, :, :], 0.6),
    "normal, learned scale": lambda p, own: distributions.Normal(p[..., 0, :, :], own.log_scale.exp()),
    "normal, predicted scale": lambda p, own: distributions.Normal(p[..., 0, :, :], 0.6 * p[..., 1, :, :].exp()),
    "squared-error": lambda p, own: distributions.Normal(p[..., 0, :, :], math.sqrt(0.5)),
    "laplace": lambda p, own: distributions.Laplace(p[..., 0, :, :], 0.75),
    "laplace, learned scale": lambda p, own: distributions.Laplace(p[..., 0, :, :], own.log_scale.exp()),
    "laplace, predicted scale": lambda p, own: distributions.Laplace(p[..., 0, :, :], 0.75 * p[..., 1, :, :].exp()),
    "bernoulli": lambda p, own: distributions.Bernoulli(logits=p[..., 0, :, :]),
    "categorical": lambda p, own: distributions.Categorical(logits=p.movedim(-3, -1)),
    "poisson": lambda p, own: distributions.Poisson(p[..., 0, :, :].exp()),
    "negative-binomial": lambda p, own: distributions.NegativeBinomial(
        total_count=own.log_r.exp(), logits=p[..., 0, :, :] - own.log_r
    ),
    "ordinal": ordered,
    "ordinal, yes or no": ordered,
    "zero-inflated-negative-binomial": lambda p, own: FurtherZeros(
        REFERENCES["negative-binomial"](p, own), p[..., 1, :, :].sigmoid()
    ),
    "student-t": lambda p, own: distributions.StudentT(5.0, p[..., 0, :, :], 0.6),
    "student-t, learned degrees": lambda p, own: distributions.StudentT(own.log_degrees.exp(), p[..., 0, :, :], 1.0),
    "student-t, learned scale": lambda p, own: distributions.StudentT(4.0, p[..., 0, :, :], own.log_scale.exp()),
    "student-t, predicted scale": lambda p, own: distributions.StudentT(
        4.0, p[..., 0, :, :], 0.6 * p[..., 1, :, :].exp()
    ),
    "log-normal": lambda p, own: distributions.LogNormal(p[..., 0, :, :], 0.6),
    "log-normal, learned scale": lambda p, own: distributions.LogNormal(p[..., 0, :, :], own.log_scale.exp()),
    "log-normal, predicted scale": lambda p, own: distributions.LogNormal(p[..., 0, :, :], 0.6 * p[..., 1, :, :].exp()),
    "beta": lambda p, own: distributions.Beta(
        p[..., 0, :, :].sigmoid() * p[..., 1, :, :].exp(), (1 - p[..., 0, :, :].sigmoid()) * p[..., 1, :, :].exp()
    ),
}
CODES = tuple(name for name in OPTIONS if name.split(",")[0] in ("categorical", "ordinal"))
LEARNED = {"log_scale": (-1.0, 0.0), "log_degrees": (1.2, 2.0)}  # where moments are those of a few thousand draws
every = pytest.mark.parametrize("name", OPTIONS)


@pytest.fixture
def build():
    """A likelihood in float64, what it learns moved away from where it starts, and decoder output for ``lead``
    dimensions.
    """

    def build(name, *lead, shape=SHAPE):
        torch.manual_seed(0)
        likelihood = make_likelihood(name.split(",")[0], shape, **OPTIONS[name]).double()
        for key, parameter in likelihood.named_parameters():
            torch.nn.init.uniform_(parameter, *(LEARNED[key] if key in LEARNED and "," in name else (-0.5, 1)))
        parameters = torch.randn(*lead, likelihood.outputs, *shape, dtype=float64)
        if name == "beta":  # so concentrated that floating-point numbers resolve the ends
            likelihood.output(parameters, 1).add_(2)
        return likelihood, parameters / 3 if name == "log-normal, predicted scale" else parameters  # moments of draws

    return build


def reference_of(name, likelihood, parameters):
    return REFERENCES[name](parameters, likelihood)


def test_every_likelihood_is_tested_here():
    tested = {name.split(",")[0] for name in OPTIONS}
    installed = {entry.name for entry in entries("likelihoods") if entry.distribution == "mmgen-core"}
    assert tested == installed, f"add {installed - tested} to OPTIONS and REFERENCES of this file"
    assert set(REFERENCES) == set(OPTIONS), "each of OPTIONS has a textbook distribution in REFERENCES"


@every
def test_log_prob_is_that_of_the_textbook_distribution(name, build):
    likelihood, parameters = build(name, 7)
    reference = reference_of(name, likelihood, parameters)
    x = reference.sample()
    expected = reference.log_prob(x)
    torch.testing.assert_close(likelihood.pointwise(parameters, x), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(likelihood.log_prob(parameters, x), expected.sum((-2, -1)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        likelihood.log_prob(parameters, x), likelihood.pointwise(parameters, x).sum((-2, -1)), rtol=1e-13, atol=1e-13
    )


@every
def test_mean_is_that_of_the_textbook_distribution(name, build):
    likelihood, parameters = build(name, 7)
    reference = reference_of(name, likelihood, parameters)
    expected = reference.probs.argmax(-1) if name in CODES else reference.mean
    torch.testing.assert_close(likelihood.mean(parameters), expected)


@every
def test_variance_is_that_of_the_textbook_distribution(name, build):
    likelihood, parameters = build(name, 4, 7)
    if name in CODES:
        with pytest.raises(NotImplementedError, match=r"(Categorical|Ordinal) has no variance"):
            likelihood.variance(parameters)
        return
    expected = reference_of(name, likelihood, parameters).variance.expand(4, 7, *SHAPE)
    torch.testing.assert_close(likelihood.variance(parameters), expected)
    assert likelihood.fitted_scale is (name.endswith(("learned scale", "predicted scale")) or name == "beta")


@every
def test_samples_have_the_moments_of_the_textbook_distribution(name, build):
    likelihood, parameters = build(name, 1)
    draws = 20_000
    x = likelihood.sample(parameters.expand(draws, *parameters.shape[1:])).double()
    assert x.shape == (draws, *SHAPE)
    reference = reference_of(name, likelihood, parameters[0])
    if name in CODES:
        for code in range(OPTIONS[name]["categories"]):
            p = reference.probs[..., code]
            assert (((x == code).double().mean(0) - p).abs() < 4.5 * (p * (1 - p) / draws).sqrt()).all()
        return
    assert ((x.mean(0) - reference.mean).abs() < 4.5 * (reference.variance / draws).sqrt()).all()
    torch.testing.assert_close(x.var(0), reference.variance, rtol=0.5 if "student" in name else 0.15, atol=0)


def log_prob_of_each(likelihood, parameters, values):
    """Log-probabilities of many values ``[N]`` under one decoder output ``[outputs, 1]``."""
    x = values[:, None].long() if likelihood.coded else values[:, None].double()
    return likelihood.log_prob(parameters.expand(len(values), -1, -1), x).detach()


def support(name):
    """Values that hold all of the probability, or a fine grid of them, and what to sum with."""
    kind = load("likelihoods", name.split(",")[0])
    if kind.discrete:
        count = OPTIONS[name].get("categories", 2 if name == "bernoulli" else 2_000)
        return torch.arange(count), lambda density, grid: density.sum()
    if kind.support == "real":
        return torch.linspace(-60, 60, 60_001, dtype=float64).sinh() / 1e6, torch.trapezoid
    if kind.support == "positive":
        return torch.linspace(-30, 10, 60_001, dtype=float64).exp(), torch.trapezoid
    return torch.linspace(-30, 30, 60_001, dtype=float64).sigmoid(), torch.trapezoid


@every
def test_densities_are_normalised(name, build):
    likelihood, parameters = build(name, shape=(1,))
    grid, integral = support(name)
    total = integral(log_prob_of_each(likelihood, parameters, grid).exp(), grid)
    assert float(total) == pytest.approx(1, abs=1e-5)


@every
def test_samples_come_from_the_density_of_log_prob(name, build):
    likelihood, parameters = build(name, shape=(1,))
    grid, integral = support(name)
    exact = log_prob_of_each(likelihood, parameters, grid)
    sampled = log_prob_of_each(
        likelihood, parameters, likelihood.sample(parameters.expand(20_000, -1, -1))[:, 0].detach()
    )
    # The samples' mean surprise is the entropy of the density; other distributions with the same first moments have
    # another.
    constant = integral(exact.exp(), grid).log()
    entropy = constant - integral((exact - constant).exp() * exact, grid)
    assert float(constant - sampled.mean()) == pytest.approx(
        float(entropy), abs=4.5 * float(sampled.std()) / math.sqrt(20_000) + 1e-5
    )


@every
def test_leading_sample_dimensions_are_so_many_decoders(name, build):
    likelihood, parameters = build(name, 4, 6, 7)
    x = reference_of(name, likelihood, parameters[0, 0]).sample()
    got = likelihood.log_prob(parameters, x)
    assert got.shape == (4, 6, 7)
    assert likelihood.mean(parameters).shape == likelihood.sample(parameters).shape == (4, 6, 7, *SHAPE)
    for i in range(4):
        for k in range(6):
            torch.testing.assert_close(got[i, k], likelihood.log_prob(parameters[i, k], x))
            torch.testing.assert_close(likelihood.mean(parameters)[i, k], likelihood.mean(parameters[i, k]))


@every
def test_gradients_reach_the_decoder_and_what_the_likelihood_learns(name, build):
    likelihood, parameters = build(name, 3)
    x = reference_of(name, likelihood, parameters).sample()
    parameters.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: likelihood.log_prob(p, x), parameters)
    likelihood.log_prob(parameters, x).sum().backward()
    learned = dict(likelihood.named_parameters())
    own = {
        "negative-binomial": ["eighth"],
        "zero-inflated-negative-binomial": ["eighth"],
        "student-t, learned degrees": ["log_degrees"],
        "ordinal": ["first", "log_gaps"],
        "ordinal, yes or no": ["first"],
    }
    assert list(learned) == own.get(name, ["log_scale"] if "learned" in name else [])
    assert all((parameter.grad != 0).any() for parameter in learned.values())


@every
@pytest.mark.parametrize("size", [0.0, 50.0, -50.0, 1e4, -1e4])
def test_extreme_decoder_output_is_finite_with_finite_gradients(name, size):
    likelihood = make_likelihood(name.split(",")[0], SHAPE, **OPTIONS[name])
    parameters = torch.full((4, likelihood.outputs, *SHAPE), size, requires_grad=True)
    x = torch.zeros(4, *SHAPE, dtype=torch.int64) if name in CODES else torch.ones(4, *SHAPE)
    log_prob = likelihood.log_prob(parameters, x)
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    log_prob.sum().backward()
    assert parameters.grad.isfinite().all()
    assert likelihood.mean(parameters).isfinite().all()


@pytest.mark.parametrize("name", ["categorical", "ordinal"])
def test_a_code_that_is_not_there_contributes_nothing(name):
    torch.manual_seed(0)
    likelihood = make_likelihood(name, (4,), categories=3)
    parameters = torch.randn(2, 5, likelihood.outputs, 4, requires_grad=True)
    x = torch.randint(3, (5, 4))
    there = likelihood.pointwise(parameters, x)
    missing = torch.rand(5, 4) < 0.5
    got = likelihood.log_prob(parameters, x.masked_fill(missing, -1))
    torch.testing.assert_close(got, torch.where(missing, 0.0, there).sum(-1))
    got.sum().backward()
    assert (parameters.grad.movedim(-2, -1)[:, missing] == 0).all()
    assert (parameters.grad.movedim(-2, -1)[:, ~missing] != 0).all()


@pytest.mark.parametrize("kind", [Normal, Laplace])
def test_scale_is_fixed_learned_per_value_or_predicted(kind):
    fixed, learned, predicted = (
        kind((3,), ScaleConfig(scale=0.5, scale_kind=how)) for how in ("fixed", "learned", "predicted")
    )
    assert list(fixed.parameters()) == list(predicted.parameters()) == []
    assert [tuple(parameter.shape) for parameter in learned.parameters()] == [(3,)]
    assert (fixed.outputs, learned.outputs, predicted.outputs) == (1, 1, 2)
    location, x = torch.randn(4, 1, 3), torch.randn(4, 3)
    torch.testing.assert_close(learned.log_prob(location, x), fixed.log_prob(location, x))
    torch.testing.assert_close(
        predicted.log_prob(torch.cat([location, torch.zeros(4, 1, 3)], 1), x), fixed.log_prob(location, x)
    )
    assert not fixed.state_dict()
    assert set(learned.state_dict()) == {"log_scale"}


@pytest.mark.parametrize("kind", [Normal, Laplace])
def test_a_learned_scale_finds_the_scale_of_the_data(kind):
    torch.manual_seed(0)
    likelihood = kind((2,), ScaleConfig(scale_kind="learned"))
    x = torch.tensor([0.2, 3.0]) * (
        torch.randn(2_000, 2) if kind is Normal else distributions.Laplace(0.0, 1.0).sample((2_000, 2))
    )
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (-likelihood.log_prob(torch.zeros(2_000, 1, 2), x).mean()).backward()
        optimiser.step()
    torch.testing.assert_close(likelihood.log_scale.exp().detach(), torch.tensor([0.2, 3.0]), rtol=0.1, atol=0)


def test_a_laplace_sample_is_finite_also_at_the_edge_of_the_uniform_numbers(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    assert Laplace((2,)).sample(torch.zeros(3, 1, 2)).isfinite().all()


def test_variance_of_the_negative_binomial_is_mean_plus_mean_squared_over_dispersion():
    likelihood = NegativeBinomial((1,)).double()
    parameters = torch.full((1, 1), math.log(4.0), dtype=float64)
    x = torch.arange(500, dtype=float64)[:, None]
    p = likelihood.log_prob(parameters, x).exp().detach()
    mean = (p * x[:, 0]).sum()
    assert float(mean) == pytest.approx(4, rel=1e-9)
    assert float((p * (x[:, 0] - mean) ** 2).sum()) == pytest.approx(4 + 16 / math.e, rel=1e-9)


def test_bytes_and_whole_numbers_are_data_like_any_other():
    parameters = torch.randn(4, 1, 2)
    counts = torch.tensor([[0, 1], [2, 3], [4, 5], [1, 0]])
    for name in ("poisson", "negative-binomial", "normal", "laplace", "bernoulli"):
        likelihood = make_likelihood(name, (2,))
        x = counts.clamp(max=1) if name == "bernoulli" else counts
        torch.testing.assert_close(
            likelihood.log_prob(parameters, x.to(torch.uint8)), likelihood.log_prob(parameters, x.float())
        )
