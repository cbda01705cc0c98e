"""Hölder pools, mixtures of pools, and the objectives with such posteriors, against their equations in loops."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import MmgenError
from mmgen.distributions import Gaussian, barycentre, geometric_mean, hellinger_pool, mixture_of_experts
from mmgen.testing import (
    AggregatorContract,
    ObjectiveContract,
    check_absence_in_model,
    check_recipe,
    experts_and_masks,
    make_model,
    raises_sentence,
    toy_data,
)
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, log_normal, row_of, unit
from mmgen_plugin_barycentre import HoelderPool, MixtureOfPools

KINDS = ("vector", "counts", "tags")
WEIGHTS, BETA, D = (2.0, 0.5, 1.0), 0.7, 3


class TestHoelderContract(AggregatorContract):
    component = "hoelder"


class TestLearnedHoelderContract(AggregatorContract):
    component = "hoelder"
    options = {"order": 3, "weights": "learned"}


class TestMatchedHoelderContract(AggregatorContract):
    component = "hoelder"
    options = {"form": "gaussian"}


class TestMixtureOfBarycentresContract(AggregatorContract):
    component = "mixture-of-pools"


class TestMixtureOfHellingerPoolsContract(AggregatorContract):
    component = "mixture-of-pools"
    options = {"pool": "moment-matched"}


class TestWBVAEContract(ObjectiveContract):
    component = "wb-vae"


class TestMWBVAEContract(ObjectiveContract):
    component = "mwb-vae"


class TestHELVAEContract(ObjectiveContract):
    component = "helvae"


class TestHELVAEContractOfThePoolItself(ObjectiveContract):
    component = "helvae"
    options = {"aggregator": {"name": "hoelder", "weights": "learned"}}


class TestMoHELVAEContract(ObjectiveContract):
    component = "mohelvae"


def hoelder(logits=None, **options):
    """The aggregator as built for a model of three modalities."""
    pool = HoelderPool(HoelderPool.Config(weights="equal" if logits is None else "learned", **options))
    pool.build(make_model("elbo", toy_data(KINDS)))
    pool = pool.double().requires_grad_(False)
    if logits is not None:
        pool.logits.copy_(logits)
    return pool


def summands(row, weights, order):
    """(weight, mean, log-variance) of every summand of (Σ_m w_m q_m^(1/n))^n, from all M^n words of n modalities."""
    found = []
    for word in itertools.product(range(len(row)), repeat=order):
        weight, means, spreads = math.prod(weights[m] for m in word), [], []
        for d in range(len(row[0][0])):
            precision = sum(math.exp(-row[m][1][d]) for m in word) / order
            mean = sum(math.exp(-row[m][1][d]) * row[m][0][d] for m in word) / order / precision
            # what the product is at its mean, divided by its Gaussian there
            logs = sum(log_normal([mean], ([row[m][0][d]], [row[m][1][d]])) for m in word) / order
            weight *= math.exp(logs - log_normal([mean], ([mean], [-math.log(precision)])))
            means.append(mean)
            spreads.append(-math.log(precision))
        found.append((weight, means, spreads))
    total = sum(weight for weight, _, _ in found)
    return [(weight / total, mean, spread) for weight, mean, spread in found]


cases = experts_and_masks(modalities=(3, 3), latent_dim=(1, 3), mean=2.0, log_variance=(-1.5, 1.0), empty_rows=True)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@settings(max_examples=15)
@given(case=cases, learned=st.booleans())
def test_a_hoelder_pool_is_its_expansion_written_literally(order, case, learned):
    q, available = case
    logits = torch.tensor([-0.6, 0.3, 0.9], dtype=torch.float64) if learned else None
    pool = hoelder(order=order, logits=logits)(q, available)
    z = torch.linspace(-2, 2, q.mean.shape[2], dtype=torch.float64)
    for b in range(q.mean.shape[1]):
        members = [m for m in range(3) if available[b, m]]
        row = [row_of(q, b)[m] for m in members]
        weights = [math.exp(float(logits[m])) if learned else 1.0 for m in members]
        parts = summands(row, weights, order) if members else [(1.0, *unit(q.mean.shape[2]))]
        density = sum(w * math.exp(log_normal(z.tolist(), (mean, spread))) for w, mean, spread in parts)
        assert float(pool.log_prob(z.expand_as(q.mean[0]))[b]) == pytest.approx(math.log(density), rel=1e-8, abs=1e-8)
        for d in range(q.mean.shape[2]):
            mean = sum(w * m[d] for w, m, _ in parts)
            assert float(pool.mean[b, d]) == pytest.approx(mean, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_hoelder_pool_is_its_density_by_quadrature(order):
    mean = torch.tensor([[[-1.0]], [[0.5]], [[2.0]]], dtype=torch.float64)
    q = Gaussian(mean, torch.tensor([[[0.3]], [[-0.8]], [[0.0]]], dtype=torch.float64))
    weights = np.array([0.2, 0.5, 0.3])
    axis = np.linspace(-15, 15, 4001)
    densities = []
    for m in range(3):
        centre, variance = float(q.mean[m]), float(q.variance[m])
        densities.append(np.exp(-((axis - centre) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))
    pool = sum(w * density ** (1 / order) for w, density in zip(weights, densities)) ** order
    pool = pool / (pool.sum() * (axis[1] - axis[0]))
    found = hoelder(order=order, logits=torch.tensor(np.log(weights)))(q, torch.ones(1, 3, dtype=torch.bool))
    got = found.log_prob(torch.tensor(axis)[:, None, None]).exp()[:, 0].numpy()
    np.testing.assert_allclose(got, pool, rtol=1e-8, atol=1e-12)


@given(case=cases)
def test_pools_that_other_aggregators_know(case):
    """Order 1 is the mixture of experts; the moments of order 2 are those of the Hellinger pool."""
    q, available = case
    z = torch.zeros_like(q.mean[0])
    one, mixture = hoelder(order=1)(q, available), mixture_of_experts(q, available)
    torch.testing.assert_close(one.log_prob(z), mixture.log_prob(z), rtol=1e-8, atol=1e-8)
    matched, known = hoelder(form="gaussian")(q, available), hellinger_pool(q, available)
    torch.testing.assert_close(matched.mean, known.mean, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(matched.variance, known.variance, rtol=1e-8, atol=1e-8)


def test_a_large_order_is_near_the_geometric_mean():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(3, 4, 2, dtype=torch.float64, generator=generator)
    q = Gaussian(mean, 0.5 * torch.randn(3, 4, 2, dtype=torch.float64, generator=generator))
    everything, limit = torch.ones(4, 3, dtype=torch.bool), geometric_mean(q)
    away = [float((hoelder(order=n)(q, everything).mean - limit.mean).abs().max()) for n in (1, 2, 8, 40)]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 0.05 * away[0]


@pytest.mark.parametrize("pool", ["barycentre", "moment-matched"])
def test_drawn_subsets_have_the_mean_of_listed_ones(pool):
    generator = torch.Generator().manual_seed(0)
    q = Gaussian(*torch.randn(2, 4, 2, 3, dtype=torch.float64, generator=generator))
    available = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0]]).bool()
    listed = MixtureOfPools(MixtureOfPools.Config(pool=pool))(q, available)
    torch.manual_seed(0)
    few = MixtureOfPools(MixtureOfPools.Config(pool=pool, max_subsets=14))
    means = torch.stack([few(q, available).mean for _ in range(2000)])
    assert ((means.mean(0) - listed.mean).abs() < 5 * means.std(0) / 2000**0.5).all()


def made(objective, missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model(objective, data, modalities=changes, latent_dim=D, beta=BETA, **options)
    return data, model.requires_grad_(False)


def pooled(name, row):
    """Barycentre, or moments of the Hellinger pool, of some experts."""
    if name == "barycentre":
        dims = range(len(row[0][0]))
        mean = [sum(q[0][d] for q in row) / len(row) for d in dims]
        return mean, [2 * math.log(sum(math.exp(q[1][d] / 2) for q in row) / len(row)) for d in dims]
    parts = summands(row, [1.0] * len(row), 2)
    mean = [sum(w * m[d] for w, m, _ in parts) for d in range(len(row[0][0]))]
    variance = [sum(w * (math.exp(s[d]) + (m[d] - mean[d]) ** 2) for w, m, s in parts) for d in range(len(row[0][0]))]
    return mean, [math.log(each) for each in variance]


@pytest.mark.parametrize(
    ("objective", "pool"),
    [("wb-vae", "barycentre"), ("helvae", "moment-matched"), ("mwb-vae", "barycentre"), ("mohelvae", "moment-matched")],
)
@settings(max_examples=4)
@given(start=st.integers(0, 40), epsilon=st.sampled_from([-0.8, 0.0, 0.5]))
def test_bounds_are_their_equations_written_literally(objective, pool, start, epsilon):
    mixes = objective.startswith("m")
    data, model = made(objective, **({"mixture_sampling": "all"} if mixes else {}))
    batch = model.prepare(data.train[start : start + 4])
    with constant_noise(epsilon):
        terms = model(batch)
    experts = model.experts(batch)
    for b in range(4):
        have = [m for m in range(3) if batch.available[b, m]]
        sizes = range(1, len(have) + 1) if mixes else [len(have)]
        subsets = [subset for size in sizes for subset in itertools.combinations(have, size)]
        likelihood, divergence = [0.0] * 3, 0.0
        for subset in subsets:
            q = pooled(pool, [row_of(experts, b)[m] for m in subset])
            divergence += kl(q, unit(D)) / len(subsets)
            for m in have:
                likelihood[m] += WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], at(q, epsilon)) / len(subsets)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-8)


@pytest.mark.parametrize("mixture_kl", ["density", "components"])
@settings(max_examples=4)
@given(start=st.integers(0, 40), epsilon=st.sampled_from([-0.8, 0.0, 0.5]), order=st.integers(1, 3))
def test_helvae_of_the_pool_itself_is_its_equation_written_literally(mixture_kl, start, epsilon, order):
    data, model = made("helvae", aggregator={"name": "hoelder", "order": order}, mixture_kl=mixture_kl)
    batch = model.prepare(data.train[start : start + 4])
    with constant_noise(epsilon):
        terms = model(batch)
    experts = model.experts(batch)
    for b in range(4):
        have = [m for m in range(3) if batch.available[b, m]]
        parts = summands([row_of(experts, b)[m] for m in have], [1.0] * len(have), order)
        likelihood, divergence = [0.0] * 3, 0.0
        for weight, mean, spread in parts:
            z = at((mean, spread), epsilon)
            for m in have:
                likelihood[m] += weight * WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], z)
            if mixture_kl == "components":
                divergence += weight * kl((mean, spread), unit(D))
            else:
                density = sum(w * math.exp(log_normal(z, (other, wide))) for w, other, wide in parts)
                divergence += weight * (math.log(density) - log_normal(z, unit(D)))
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-7, abs=1e-7)


def test_the_bound_by_components_is_looser_in_expectation():
    data, model = made("helvae", missing=0.0, aggregator="hoelder")
    _, other = made("helvae", missing=0.0, aggregator="hoelder", mixture_kl="components")
    other.load_state_dict(model.state_dict())
    batch = data.train[:6]
    torch.manual_seed(0)
    drawn = torch.stack([model(batch).divergence for _ in range(400)])
    assert (drawn.mean(0) <= other(batch).divergence + 4 * drawn.std(0) / 20).all()


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("wb-vae", {}),
        ("helvae", {}),
        ("helvae", {"aggregator": "hoelder"}),
        ("mwb-vae", {"mixture_sampling": "all"}),
        ("mohelvae", {"mixture_sampling": "all"}),
    ],
)
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(objective, options):
    data, model = made(objective, missing=0.0, **options)

    def make(kinds):
        smaller = make_model(objective, toy_data(kinds), latent_dim=D, beta=BETA, **options)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_a_subset_has_its_own_pool_afterwards():
    for objective, pool in (("mwb-vae", barycentre), ("mohelvae", hellinger_pool)):
        data, model = made(objective, missing=0.0)
        batch = model.prepare(data.test[:4])
        posterior, mask = model.encode(batch, KINDS[:2]), model.mask(batch, KINDS[:2])
        torch.testing.assert_close(posterior.mean, pool(model.experts(batch), mask).mean)


def test_too_many_summands_end_in_a_sentence():
    with raises_sentence("aggregator.order is 60"):
        made("helvae", aggregator={"name": "hoelder", "order": 60})


def test_other_aggregators_are_refused():
    for objective in ("wb-vae", "mwb-vae", "helvae", "mohelvae"):
        with pytest.raises(MmgenError, match="poe"):
            made(objective, aggregator="poe")


@pytest.mark.parametrize(
    "name",
    [
        "wb-vae-polymnist-desk",
        "wb-vae-polymnist-paper",
        "mwb-vae-polymnist-desk",
        "mwb-vae-polymnist-paper",
        "mwb-vae-mnist-svhn-text-desk",
        "mwb-vae-mnist-svhn-text-paper",
        "mwb-vae-celeba-paper",
        "helvae-polymnist-desk",
        "helvae-polymnist-paper",
        "helvae-celeba-desk",
        "helvae-celeba-paper",
        "mohelvae-mfeat-desk",
        "mohelvae-celeba-paper",
    ],
)
def test_recipes_resolve(name):
    check_recipe(name)
