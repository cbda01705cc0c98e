"""MVTCAE against its equation in loops, Lemma 1 with its normaliser by quadrature, and the ELBO under the geometric
prior.
"""

import functools
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import MmgenError
from mmgen.distributions import Gaussian
from mmgen.testing import (
    LinearGaussianWorld,
    central_noise,
    check_absence_in_model,
    check_gradients,
    experts_and_masks,
    make_model,
    substitute,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, average, constant_noise, kl, known_experts, product, row_of, unit
from mmgen.testing.literal import log_likelihood as literal_log_likelihood

WEIGHTS = {"vector": 2.5, "counts": 1.0, "tags": 0.5}
KINDS = tuple(WEIGHTS)
EPSILON = 0.7
CASES = experts_and_masks(modalities=(3, 3), rows=(1, 3), latent_dim=(3, 3), mean=2.0, log_variance=(-2.0, 2.0))
OPTIONS = [
    {},
    {"rescale": True},
    {"coefficients": "official"},
    {"coefficients": "official", "tc_ratio": 0.3},
    {"coefficients": "official", "tc_ratio": 0.9, "rescale": True},
]


def model_of(aggregator="poe", prior_expert=None, weights=WEIGHTS, **options):
    section = {"name": aggregator} | ({"prior_expert": prior_expert} if prior_expert else {})
    return toy_model("mvtcae", weights, aggregator=section, **options)


def rows_of(model, available):
    return model.prepare(toy_data().train[: len(available)].restrict(available))


def log_likelihood(model, batch, b, m, z):
    """w_m log p(x_m | z) of row b."""
    return WEIGHTS[KINDS[m]] * literal_log_likelihood(model, batch, b, KINDS[m], z)


def coefficients(count, coefficients="paper", tc_ratio=None, rescale=False):
    """Of the likelihoods, of KL(q ‖ q_m) and of KL(q ‖ p), as printed."""
    pi = 1 / (count + 1)
    if coefficients == "paper":
        result = [1.0, pi, pi]
    else:
        a = count / (count + 1) if tc_ratio is None else tc_ratio
        result = [(count - a) / count, a / count, 1 - a]
    return (result[0] * (pi / 2 if rescale else 1.0), *result[1:])


def posterior(row, seen, aggregator, prior_expert):
    """Weighted components of q, and every q_m."""
    own, extra = [row[m] for m in seen], [unit(3)] if prior_expert == "all" else []
    if aggregator in ("poe", "mean"):
        q = product(own + extra) if aggregator == "poe" else average(own)
        return [(1.0, q)], {m: product([row[m], *extra]) for m in seen}
    sizes = range(1, 2 if aggregator == "moe" else len(own) + 1)
    parts = [product(list(subset)) for size in sizes for subset in itertools.combinations(own, size)]
    return [(1 / len(parts), part) for part in parts], {m: row[m] for m in seen}


def divergence(row, seen, aggregator, prior_expert, options):
    components, unimodal = posterior(row, seen, aggregator, prior_expert)
    _, each, prior = coefficients(len(seen), **options)
    total = 0.0
    for weight, q in components:
        total += weight * prior * kl(q, unit(3))
        for m in seen:
            total += weight * each * kl(q, unimodal[m])
    return total


def literal(model, batch, row, b, seen, aggregator, prior_expert, options):
    """Likelihood terms and divergence of one row whose posterior is one Gaussian."""
    [(_, q)], _ = posterior(row, seen, aggregator, prior_expert)
    z = at(q, EPSILON)
    scale = coefficients(len(seen), **options)[0]
    likelihoods = [scale * log_likelihood(model, batch, b, m, z) if m in seen else 0.0 for m in range(3)]
    return likelihoods, divergence(row, seen, aggregator, prior_expert, options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("aggregator", "prior_expert"), [("poe", "none"), ("poe", "all"), ("mean", None)])
@settings(max_examples=8)
@given(case=CASES)
def test_is_the_equation_written_literally(options, aggregator, prior_expert, case):
    experts, available = case
    model = model_of(aggregator, prior_expert, **options)
    batch = rows_of(model, available)
    with known_experts(model, experts), constant_noise(EPSILON):
        terms = model(batch)
    assert not terms.others
    for b in range(len(available)):
        seen = [m for m in range(3) if available[b, m]]
        likelihoods, expected = literal(model, batch, row_of(experts, b), b, seen, aggregator, prior_expert, options)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"coefficients": "official", "tc_ratio": 0.3}], ids=str)
@pytest.mark.parametrize("aggregator", ["moe", "mopoe"])
@settings(max_examples=8)
@given(case=CASES)
def test_a_mixture_posterior_counts_its_components(options, aggregator, case):
    experts, available = case
    model = model_of(aggregator, **options)
    batch = rows_of(model, available)
    torch.manual_seed(0)
    seen_by_decoders, log_likelihood_of = [], model.log_likelihood
    record = substitute(
        model, log_likelihood=lambda z, batch: seen_by_decoders.append(z) or log_likelihood_of(z, batch)
    )
    with record, known_experts(model, experts), constant_noise(EPSILON):
        terms = model(batch)
    assert [z.shape for z in seen_by_decoders] == [experts.mean.shape[1:]], "a row is decoded once, from one component"
    for b in range(len(available)):
        seen = [m for m in range(3) if available[b, m]]
        expected = divergence(row_of(experts, b), seen, aggregator, None, options)
        torch.testing.assert_close(float(terms.divergence[b]), expected, rtol=1e-8, atol=1e-8)
        scale, z = coefficients(len(seen), **options)[0], seen_by_decoders[0][b].tolist()
        likelihoods = [scale * log_likelihood(model, batch, b, m, z) if m in seen else 0.0 for m in range(3)]
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("prior_expert", ["none", "all"])
def test_gradients_are_those_of_the_equation(prior_expert):
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(3, 1, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    model, seen = model_of("poe", prior_expert), [0, 2]
    batch = rows_of(model, torch.tensor([[True, False, True]]))
    with known_experts(model, Gaussian(mean, log_variance)), constant_noise(EPSILON):
        model(batch).value(0.6).sum().backward()

    def value(mean, log_variance):
        row = [(mean[m, 0].tolist(), log_variance[m, 0].tolist()) for m in range(3)]
        likelihoods, total = literal(model, batch, row, 0, seen, "poe", prior_expert, {})
        return sum(likelihoods) - 0.6 * total

    check_gradients(value, (mean, log_variance))


def log_normaliser(parts):
    """log ∫ Π_k q_k(z)^{1/K} dz by the trapezoidal rule, dimension by dimension."""
    grid, total = np.linspace(-30.0, 30.0, 20001), 0.0
    for d in range(len(parts[0][0])):
        exponent = np.zeros_like(grid)
        for mean, log_variance in parts:
            density = -0.5 * (
                math.log(2 * math.pi) + log_variance[d] + (grid - mean[d]) ** 2 / math.exp(log_variance[d])
            )
            exponent += density / len(parts)
        total += math.log(np.exp(exponent).sum() * (grid[1] - grid[0]))
    return total


def normalised_mean(parts):
    """The Gaussian that is proportional to the geometric mean: natural parameters are averaged."""
    mean, log_variance = [], []
    for d in range(len(parts[0][0])):
        precision = sum(math.exp(-v[d]) for _, v in parts) / len(parts)
        mean.append(sum(m[d] * math.exp(-v[d]) for m, v in parts) / len(parts) / precision)
        log_variance.append(-math.log(precision))
    return mean, log_variance


@pytest.mark.parametrize("aggregator", ["poe", "mean"])
@given(case=CASES)
def test_lemma_1_the_divergence_is_the_kl_to_the_normalised_mean_and_its_normaliser(aggregator, case):
    experts, available = case
    model = model_of(aggregator)
    with known_experts(model, experts), constant_noise(EPSILON):
        got = model(rows_of(model, available)).divergence
    for b in range(len(available)):
        row, seen = row_of(experts, b), [m for m in range(3) if available[b, m]]
        parts = [([0.0] * 3, [0.0] * 3), *(row[m] for m in seen)]
        [(_, q)], _ = posterior(row, seen, aggregator, "none")
        log_z = log_normaliser(parts)
        assert log_z <= 1e-9, "a geometric mean of densities integrates to at most 1"
        assert float(got[b]) == pytest.approx(kl(q, normalised_mean(parts)) - log_z, rel=1e-7, abs=1e-7)


@given(case=CASES, beta=st.sampled_from([0.25, 1.0, 2.5]))
def test_is_the_elbo_under_the_geometric_prior_less_beta_times_its_normaliser(case, beta):
    experts, available = case
    ours, elbo = model_of(), elbo_under_the_geometric_prior()
    batch = rows_of(ours, available)
    values = []
    for model in (ours, elbo):
        with known_experts(model, experts), constant_noise(EPSILON):
            values.append(model(batch).value(beta))
    for b in range(len(available)):
        row = row_of(experts, b)
        parts = [([0.0] * 3, [0.0] * 3), *(row[m] for m in range(3) if available[b, m])]
        assert float(values[1][b] - values[0][b]) == pytest.approx(-beta * log_normaliser(parts), rel=1e-6, abs=1e-6)


@functools.cache
def elbo_under_the_geometric_prior():
    model = toy_model("elbo", WEIGHTS, aggregator={"name": "poe", "prior_expert": "none"}, prior="geometric")
    model.load_state_dict(model_of().state_dict())
    return model


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_at_the_default_ratio_official_differs_in_the_likelihoods_alone(missing):
    data = toy_data(missing=missing)
    paper, official = (make_model("mvtcae", data, coefficients=which) for which in ("paper", "official"))
    batch = data.train[:12]
    count = batch.available.sum(-1).double()
    with central_noise(), torch.no_grad():
        one, two = paper(batch), official(batch)
    torch.testing.assert_close(two.divergence, one.divergence)
    torch.testing.assert_close(two.log_likelihood, one.log_likelihood * count / (count + 1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("aggregator", ["poe", "mean", "moe", "mopoe"])
def test_a_missing_modality_is_as_if_it_did_not_exist(options, aggregator):
    def make(kinds):
        return model_of(aggregator, weights={kind: WEIGHTS[kind] for kind in kinds}, **options)

    one_gaussian = aggregator in ("poe", "mean")  # otherwise a row's component is drawn
    terms = ("value", "log_likelihood", "divergence") if one_gaussian else ("divergence",)
    check_absence_in_model(make(KINDS), make, toy_data().train[:4], terms=terms)


@pytest.mark.parametrize("prior_expert", ["none", "all"])
def test_inference_is_the_product_of_what_is_given(prior_expert):
    model = model_of("poe", prior_expert)
    batch = toy_data().test[:5]
    experts, extra = model.experts(batch), [([0.0] * 3, [0.0] * 3)] if prior_expert == "all" else []
    for members in ([0], [2], [0, 1], [0, 1, 2]):
        got = model.encode(batch, [KINDS[m] for m in members])
        for b in range(5):
            mean, log_variance = product([row_of(experts, b)[m] for m in members] + extra)
            torch.testing.assert_close(got.mean[b].tolist(), mean, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(got.variance[b].log().tolist(), log_variance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [2, 20])
def test_works_for_any_number_of_modalities(count):
    world = LinearGaussianWorld((2,) * count, 2, orthogonal=True, seed=1)
    model = world_model(world, "mvtcae")
    _, x = world.sample(4)
    with torch.no_grad():
        terms = model(world_batch(x))
    assert terms.log_likelihood.shape == (count, 4)
    assert terms.value(1.0).isfinite().all()


def test_what_the_equation_cannot_mean_is_refused():
    with pytest.raises(
        MmgenError, match="tc_ratio does nothing with coefficients=paper, it is for coefficients=official"
    ):
        make_model("mvtcae", toy_data(), tc_ratio=0.5)
    with pytest.raises(MmgenError, match=r"objective\.tc_ratio"):
        make_model("mvtcae", toy_data(), coefficients="official", tc_ratio=1.5)
    with pytest.raises(MmgenError, match="cannot use the aggregator 'none'"):
        make_model("mvtcae", toy_data(), aggregator="none")
    with pytest.raises(MmgenError, match="cannot use the prior 'geometric'"):
        make_model("mvtcae", toy_data(), prior="geometric")
