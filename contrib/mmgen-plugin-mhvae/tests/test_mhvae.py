"""MHVAE against its equation in loops over subsets, levels and modalities, and the density and moments of levels."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.testing import (
    ObjectiveContract,
    PriorContract,
    check_absence_in_model,
    check_recipe,
    make_model,
    raises_sentence,
    substitute,
    toy_data,
)
from mmgen.testing.literal import at, kl, log_likelihood, log_normal, unit
from mmgen_plugin_mhvae import levels as of_levels

KINDS = ("vector", "counts", "tags")
WEIGHTS, BETA, D = (2.0, 0.5, 1.0), 0.7, 6
SIZES = {1: (6,), 2: (4, 2), 3: (3, 2, 1)}
OWN = {"feature_dim": 5, "hidden": (7,), "latent_dim": D}


class TestContract(ObjectiveContract):
    component = "mhvae"
    options = {**OWN, "prior": {"name": "hierarchy", "levels": (3, 2, 1), "hidden": (8,)}}


class TestContractOfTheReleasedCode(ObjectiveContract):
    component = "mhvae"
    options = {
        **OWN,
        "prior": {"name": "hierarchy", "levels": 2, "above": "next"},
        "subsets": "full-and-single",
        "product": "scales",
        "kl": "drawn",
    }


class TestContractOfAllLevelsDecoded(ObjectiveContract):
    component = "mhvae"
    options = {"decoded": "all", "max_subsets": 3}


class TestPriorContract(PriorContract):
    component = "hierarchy"


class TestPriorContractOfOneLevel(PriorContract):
    component = "hierarchy"
    objective = "mhvae"
    options = {"levels": 2, "hidden": ()}


def made(levels, missing=0.4, above="all", **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    prior = {"name": "hierarchy", "levels": SIZES[levels], "hidden": (8,), "above": above}
    model = make_model("mhvae", data, modalities=changes, beta=BETA, prior=prior, **{**OWN, **options})
    return data, model.requires_grad_(False)


def constant_noise(epsilon):
    """Every level is drawn at μ + ε σ."""
    return substitute(of_levels, normal_noise=lambda shape, like: like.new_full(shape, epsilon))


def numbers(network, values):
    found = network(torch.tensor([values], dtype=torch.float64))
    return tuple(each[0].tolist() for each in found) if isinstance(found, tuple) else found[0].tolist()


def features(model, batch, b):
    """Of what a row has: features for the levels below the highest, and q(z_L | x_m)."""
    found = {}
    for m, kind in enumerate(KINDS):
        if batch.available[b, m]:
            each = [model.objective.bottom.networks[m](batch.data[kind][b : b + 1])[0].tolist()]
            for layer in model.objective.up[m]:
                each.append(numbers(layer, each[-1]))
            found[m] = each, numbers(model.objective.tops[m], each[-1])
    return found


def met(network, h, own):
    """A perceptron of what is above and of the features of one modality, side by side."""
    weight = torch.cat([network.from_above.weight, network.from_features.weight], 1).tolist()
    x = [*h, *own]
    first = [
        sum(w * value for w, value in zip(row, x)) + bias for row, bias in zip(weight, network.from_above.bias.tolist())
    ]
    hidden = [max(value, 0.0) for value in first]
    return numbers(network.head, numbers(network.trunk, hidden))


def multiplied(prior, experts, product):
    """The product of Gaussians, by precisions or by inverse scales."""
    power = 1.0 if product == "precisions" else 0.5
    mean, spread = [], []
    for d in range(len(prior[0])):
        parts = [(math.exp(-power * q[1][d]), q[0][d]) for q in (prior, *experts)]
        total = sum(weight for weight, _ in parts)
        mean.append(sum(weight * place for weight, place in parts) / total)
        spread.append(-math.log(total) / power)
    return mean, spread


def walk(model, seen, epsilon, product, above):
    """z from the highest level down, and (posterior, prior, part) of every level."""
    prior = model.objective.prior_for
    sizes = prior.sizes
    p = unit(sizes[-1])
    q = multiplied(p, [top for _, top in seen.values()], product)
    part = at(q, epsilon)
    z, found = list(part), [(q, p, part)]
    for level in reversed(range(len(sizes) - 1)):
        h = numbers(prior.trunks[level], z if above == "all" else z[: sizes[level + 1]])
        p = numbers(prior.heads[level], h)
        experts = [met(model.objective.meet[level], h, each[level]) for each, _ in seen.values()]
        q = multiplied(p, experts, product)
        part = at(q, epsilon)
        z = [*part, *z]
        found.append((q, p, part))
    return z, found


def subsets_of(have, which):
    if which == "all":
        return [subset for size in range(1, len(have) + 1) for subset in itertools.combinations(have, size)]
    return [tuple(have), *((m,) for m in have)]


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("kind", ["closed-form", "drawn"])
@settings(max_examples=4)
@given(
    start=st.integers(0, 40),
    epsilon=st.sampled_from([-0.8, 0.0, 0.5]),
    subsets=st.sampled_from(["all", "full-and-single"]),
    product=st.sampled_from(["precisions", "scales"]),
    above=st.sampled_from(["all", "next"]),
    decoded=st.sampled_from(["lowest", "all"]),
)
def test_it_is_the_equation_written_literally(levels, kind, start, epsilon, subsets, product, above, decoded):
    data, model = made(levels, above=above, subsets=subsets, product=product, kl=kind, decoded=decoded)
    batch = model.prepare(data.train[start : start + 4])
    with constant_noise(epsilon):
        terms = model(batch)
    for b in range(4):
        of_row = features(model, batch, b)
        chosen = subsets_of(list(of_row), subsets)
        likelihood, divergence = [0.0] * 3, 0.0
        for subset in chosen:
            z, found = walk(model, {m: of_row[m] for m in subset}, epsilon, product, above)
            taken = z if decoded == "all" else z[: SIZES[levels][0]]
            for m in of_row:
                likelihood[m] += WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], taken) / len(chosen)
            for q, p, part in found:
                one = kl(q, p) if kind == "closed-form" else log_normal(part, q) - log_normal(part, p)
                divergence += one / len(chosen)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_density_of_a_posterior_is_that_of_its_levels(levels):
    data, model = made(levels, missing=0.0)
    batch = model.prepare(data.test[:2])
    with torch.no_grad():
        posterior = model.posterior(batch, ["vector", "tags"])
        with constant_noise(0.4):
            z = posterior.rsample()
    for b in range(2):
        of_row = features(model, batch, b)
        expected, found = walk(model, {m: of_row[m] for m in (0, 2)}, 0.4, "precisions", "all")
        torch.testing.assert_close(z[b].tolist(), expected)
        density = sum(log_normal(part, q) for q, _, part in found)
        assert float(posterior.log_prob(z)[b]) == pytest.approx(density, rel=1e-9)


def test_moments_are_those_of_draws():
    data, model = made(3, missing=0.0)
    batch = data.test[:3]
    with torch.no_grad():
        for distribution in (model.encode(batch, ["counts"]), model.unconditional_prior(3)):
            torch.manual_seed(0)
            drawn = distribution.rsample((20_000,))
            error = drawn.std(0) / 20_000**0.5
            assert ((drawn.mean(0) - distribution.mean).abs() < 5 * error + 2e-3).all()
            torch.testing.assert_close(drawn.var(0), distribution.variance, rtol=0.05, atol=0)


def test_noise_of_levels_is_independent():
    """Levels of one size do not share their fixed points."""
    data = toy_data(KINDS)
    prior = {"name": "hierarchy", "levels": 2, "hidden": ()}
    model = make_model("mhvae", data, latent_dim=4, prior=prior).requires_grad_(False)
    head = model.objective.prior_for.heads[0]
    head.mean.weight.copy_(torch.eye(2))
    head.mean.bias.zero_(), head.spread.weight.zero_(), head.spread.bias.zero_()
    p = model.unconditional_prior(1)
    torch.testing.assert_close(p.variance[0], torch.tensor([2.0, 2.0, 1.0, 1.0], dtype=torch.float64))


def test_nothing_given_is_the_prior():
    data, model = made(2, missing=0.0)
    batch = data.test[:3]
    z = torch.randn(3, D, dtype=torch.float64)
    with torch.no_grad():
        one, other = model.posterior(batch, []), model.unconditional_prior(3)
    torch.testing.assert_close(one.log_prob(z), other.log_prob(z))


@pytest.mark.parametrize("subsets", ["all", "full-and-single"])
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(subsets):
    data, model = made(3, missing=0.0, subsets=subsets)

    def make(kinds):
        prior = {"name": "hierarchy", "levels": SIZES[3], "hidden": (8,)}
        smaller = make_model("mhvae", toy_data(kinds), beta=BETA, prior=prior, subsets=subsets, **OWN)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        for m, kind in enumerate(kinds):
            own = KINDS.index(kind)
            for part in ("up", "tops"):
                getattr(smaller.objective, part)[m].load_state_dict(getattr(model.objective, part)[own].state_dict())
            smaller.objective.bottom.networks[m].load_state_dict(model.objective.bottom.networks[own].state_dict())
        smaller.objective.meet.load_state_dict(model.objective.meet.state_dict())
        smaller.objective.prior_for.load_state_dict(model.objective.prior_for.state_dict())
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_both_kls_have_one_mean():
    data, model = made(3, missing=0.0)
    _, other = made(3, missing=0.0, kl="drawn")
    other.load_state_dict(model.state_dict())
    rows, found = torch.arange(4).repeat(1500), []
    for each in (model, other):
        torch.manual_seed(0)
        found.append(each(data.train[rows]).divergence.unflatten(0, (1500, 4)))
    error = (found[0].var(0) + found[1].var(0)).sqrt() / 1500**0.5
    assert ((found[0].mean(0) - found[1].mean(0)).abs() < 5 * error).all()


def test_decoders_take_the_lowest_level():
    data, model = made(2, missing=0.0)
    z = torch.randn(3, D, dtype=torch.float64)
    torch.testing.assert_close(model.decoder_input(z, "vector", data.test[:3]).values, z[:, :4])
    assert model.generate(samples=5)["vector"].shape[0] == 5


@pytest.mark.parametrize(("levels", "latent_dim", "sizes"), [(2, 5, (3, 2)), (3, 8, (4, 2, 2)), (4, 2, (1, 1))])
def test_levels_share_the_dimensions(levels, latent_dim, sizes):
    model = make_model("mhvae", toy_data(KINDS), latent_dim=latent_dim, prior={"name": "hierarchy", "levels": levels})
    assert model.objective.prior_for.sizes == sizes


def test_levels_that_do_not_sum_end_in_a_sentence():
    with raises_sentence("prior.levels are 2, 2, 4 dimensions together"):
        make_model("mhvae", toy_data(KINDS), latent_dim=5, prior={"name": "hierarchy", "levels": (2, 2)})


def test_another_objective_may_have_the_prior():
    data = toy_data(KINDS)
    model = make_model("elbo", data, latent_dim=4, prior={"name": "hierarchy", "levels": 2})
    assert model(data.train[:4]).value(1.0).isfinite().all()


@pytest.mark.parametrize("name", ["mfeat-desk", "polymnist-desk", "polymnist-paper"])
def test_recipes_resolve(name):
    check_recipe(f"mhvae-{name}")
