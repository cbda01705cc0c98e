"""JNF and JNF-Shared against their equations in loops, the product of flows against quadrature, and stages."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import Mixture, central_noise, is_drawn
from mmgen.testing import ObjectiveContract, check_recipe, make_model, toy_data
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, log_normal, unit
from mmgen_plugin_jnf.agreement import contrast
from mmgen_plugin_jnf.product import ProductOfFlows

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, BETA = 3, 0.7
SMALL = {"transforms": 2, "hidden": (6,)}
QUICK = {**SMALL, "steps": 2, "leapfrog": 2, "candidates": 4}


class TestContract(ObjectiveContract):
    component = "jnf"
    options = QUICK


class TestImportanceContract(ObjectiveContract):
    component = "jnf"
    options = {**SMALL, "subsets": "importance", "coupling": True, "kind": "nsf", "prior_power": "once"}


class TestSharedContract(ObjectiveContract):
    component = "jnf-shared"
    options = {**QUICK, "features": 4}


class TestCorrelationContract(ObjectiveContract):
    component = "jnf-shared"
    options = {**QUICK, "features": 2, "projection": "correlation", "head_hidden": ()}


def made(objective="jnf", **options):
    data = toy_data(KINDS)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model(objective, data, modalities=changes, beta=BETA, latent_dim=D, **{**SMALL, **options})
    return data, model.requires_grad_(False)


def log_flow(flow, q, z):
    """log q(T⁻¹(z)) + log |det ∂T⁻¹/∂z| of one row, by derivatives."""
    place = torch.tensor(z, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda value: flow.pull(value, None)[0], place)
    return log_normal(flow.pull(place, None)[0].tolist(), q) + math.log(abs(float(torch.linalg.det(jacobian))))


def row(encoded, b):
    return encoded[0][b].tolist(), encoded[1][b].tolist()


@settings(max_examples=4)
@given(start=st.integers(0, 40), epsilon=st.sampled_from([-0.8, 0.0, 0.5]), weight=st.sampled_from([0.0, 0.3, 1.0]))
def test_it_is_the_equation_written_literally(start, epsilon, weight):
    data, model = made(unimodal_weight=weight)
    batch = model.prepare(data.train[start : start + 3])
    with constant_noise(epsilon):
        terms = model(batch)
    joint = model.objective.joint(batch)
    for b in range(3):
        q = joint.mean[b].tolist(), joint.log_variance[b].tolist()
        z = at(q, epsilon)
        expected = [WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], z) for m in range(3)]
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), expected)
        assert float(terms.divergence[b]) == pytest.approx(kl(q, unit(D)), rel=1e-9)
        forward = 0.0
        for m in range(3):
            expert = row(model.encoders[m](batch.data[KINDS[m]]), b)
            forward += log_normal(z, q) - log_flow(model.objective.flows[m], expert, z)
        assert float(terms.others["negative_kl_to_unimodal"][b]) == pytest.approx(-weight * forward, rel=1e-9)


@settings(max_examples=4)
@given(start=st.integers(0, 40), temperature=st.sampled_from([0.1, 0.7]), weight=st.sampled_from([0.4, 1.0]))
def test_shared_is_the_equation_written_literally(start, temperature, weight):
    data, model = made("jnf-shared", features=4, temperature=temperature, shared_weight=weight)
    batch, rows = model.prepare(data.train[start : start + 4]), range(4)
    with constant_noise(0.4):
        terms = model(batch)
    joint, objective = model.objective.joint(batch), model.objective
    features = [objective.projections.networks[m](batch.data[KINDS[m]]) for m in range(3)]

    def cosine(i, b, j, c):
        one, other = features[i][b].tolist(), features[j][c].tolist()
        lengths = math.sqrt(sum(v * v for v in one)) * math.sqrt(sum(v * v for v in other))
        return sum(v * w for v, w in zip(one, other)) / lengths / temperature

    for b in rows:
        shared = 0.0
        for i, j in itertools.combinations(range(3), 2):
            own = cosine(i, b, j, b)
            shared += 0.5 * (own - math.log(sum(math.exp(cosine(i, b, j, c)) for c in rows)))
            shared += 0.5 * (own - math.log(sum(math.exp(cosine(i, c, j, b)) for c in rows)))
        assert float(terms.others["shared"][b]) == pytest.approx(weight * shared, rel=1e-8)
        q = joint.mean[b].tolist(), joint.log_variance[b].tolist()
        z, forward = at(q, 0.4), 0.0
        for m in range(3):
            expert = row(objective.heads[m](features[m]), b)
            forward += log_normal(z, q) - log_flow(objective.flows[m], expert, z)
        assert float(terms.others["negative_kl_to_unimodal"][b]) == pytest.approx(-forward, rel=1e-8)


@pytest.mark.parametrize("objective", ["jnf", "jnf-shared"])
def test_no_part_learns_from_the_term_of_another(objective):
    """The joint VAE learns from the bound, unimodal posteriors from the KLs, projections from what is shared."""
    data, model = made(objective)
    model.requires_grad_(True)
    terms = model(data.train[:12])
    bound = (terms.log_likelihood.sum(0) - terms.divergence).sum()
    parts = {"bound": bound, **{name: term.sum() for name, term in terms.others.items()}}
    owners = {
        "objective.joint": "bound",
        "decoders": "bound",
        "likelihoods": "bound",
        "objective.projections": "shared",
    }
    for name, parameter in model.named_parameters():
        owner = next((part for place, part in owners.items() if name.startswith(place)), "negative_kl_to_unimodal")
        for part, value in parts.items():
            (gradient,) = torch.autograd.grad(value, parameter, retain_graph=True, allow_unused=True)
            assert (gradient is not None and bool(gradient.any())) == (part == owner), (name, part)


def test_rows_of_all_kinds_have_their_own_posterior():
    """Of one batch: everything, one modality, two, nothing, in one call; the density of those that have one."""
    data, model = made(steps=2, leapfrog=2)
    batch = model.prepare(data.test[:4])
    masks = torch.tensor([[1, 1, 1], [0, 1, 0], [1, 0, 1], [0, 0, 0]]).bool()
    with torch.no_grad():
        posterior = model.posterior(batch, masks)
        joint, experts = model.objective.joint(batch), model.experts(batch)
        torch.manual_seed(0)
        z = posterior.rsample((5,))
    assert isinstance(posterior, ProductOfFlows) and is_drawn(posterior)
    assert z.shape == (5, 4, D) and bool(z.isfinite().all())
    torch.testing.assert_close(posterior.mean[0], joint.mean[0], rtol=0, atol=1e-12)
    with torch.no_grad():
        single = model.posterior(batch, torch.tensor([[1, 1, 1], [0, 1, 0], [0, 0, 1], [0, 0, 0]]).bool())
        assert isinstance(single, Mixture) and not is_drawn(single)
        density = single.log_prob(z[0])
    for b, m in ((1, 1), (2, 2)):
        expert = experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()
        expected = log_flow(model.objective.flows[m], expert, z[0, b].tolist())
        assert float(density[b]) == pytest.approx(expected, rel=1e-8)
    assert float(density[3]) == pytest.approx(log_normal(z[0, 3].tolist(), unit(D)), rel=1e-9)


@pytest.mark.parametrize("power", ["independence", "once", "none"])
@pytest.mark.parametrize("subsets", ["hmc", "importance"])
def test_draws_of_a_product_are_those_of_its_density(subsets, power):
    """One dimension, three of four modalities: quantiles and moments by quadrature of the product written out."""
    kinds = ("vector", "counts", "tags", "image")
    chain = {"steps": 4, "leapfrog": 3, "step_size": 0.1} if subsets == "hmc" else {}
    data = toy_data(kinds)
    options = {**SMALL, "kind": "nsf", "candidates": 1000, "subsets": subsets, "prior_power": power, **chain}
    model = make_model("jnf", data, latent_dim=1, **options).requires_grad_(False)
    batch, given_ = model.prepare(data.test[:3]), [0, 1, 2]
    with torch.no_grad():
        experts = model.experts(batch)
        posterior = model.posterior(batch, model.mask(batch, list(kinds[:3])))
        torch.manual_seed(0)
        drawn = posterior.rsample((300,))[..., 0]
        grid = torch.linspace(-8, 8, 8001, dtype=torch.float64)
        times = {"independence": -2, "once": -1, "none": 0}[power]
        for b in range(3):
            log_density = times * -0.5 * grid**2
            for m in given_:
                u, log_det = model.objective.flows[m].pull(grid[:, None], None)
                mean, variance = float(experts.mean[m, b]), math.exp(float(experts.log_variance[m, b]))
                log_density = log_density - 0.5 * (u[:, 0] - mean) ** 2 / variance + log_det
            weights = (log_density - log_density.max()).exp()
            weights = weights / weights.sum()
            mean = float((weights * grid).sum())
            variance = float((weights * (grid - mean) ** 2).sum())
            places = torch.searchsorted(grid, drawn[:, b].sort().values).clamp(max=len(grid) - 1)
            below = (weights.cumsum(0) - weights / 2)[places]
            distance = float((below - (torch.arange(len(drawn)) + 0.5) / len(drawn)).abs().max())
            assert distance < 2.6 / math.sqrt(len(drawn))  # Kolmogorov and Smirnov, of candidates too
            assert float(posterior.mean[b]) == pytest.approx(mean, abs=0.1 * math.sqrt(variance))
            assert float(posterior.variance[b]) == pytest.approx(variance, rel=0.15)


def test_contrast_is_largest_where_rows_find_themselves():
    own = torch.eye(4, dtype=torch.float64)
    features = torch.stack([own, own])
    assert (contrast(features, 0.1) > contrast(torch.stack([own, own.roll(1, 0)]), 0.1)).all()


def test_a_drawn_posterior_does_not_change_with_the_place_of_a_row():
    data, model = made(subsets="importance")
    mask = ["vector", "counts"]
    with torch.no_grad(), central_noise():
        whole = model.encode(data.test[:6], mask)
        alone = model.encode(data.test[2:3], mask)
    torch.testing.assert_close(whole.mean[2], alone.mean[0])


@pytest.mark.parametrize(
    "name",
    [
        "jnf-mfeat-desk",
        "jnf-shared-mfeat-desk",
        "jnf-polymnist-desk",
        "jnf-shared-polymnist-desk",
        "jnf-polymnist-paper",
        "jnf-shared-polymnist-paper",
    ],
)
def test_recipes_resolve(name):
    check_recipe(name)
