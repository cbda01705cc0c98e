"""The consensus against inverted matrices, and CoDE-VAE against its equation in loops and exact evidence."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import powerset
from mmgen.testing import (
    AggregatorContract,
    LinearGaussianWorld,
    ObjectiveContract,
    check_recipe,
    experts_and_masks,
    make_model,
    raises_sentence,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, unit
from mmgen_plugin_code_vae import Consensus
from mmgen_plugin_code_vae.consensus import ConsensusConfig

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, BETA, RHO = 3, 0.7, 0.4


class TestContract(ObjectiveContract):
    component = "code-vae"


class TestAggregatorContract(AggregatorContract):
    component = "code"


def consensus(parts, rho):
    """Mean and log-variance of each dimension, by the inverse of the covariance of the experts' errors."""
    mean, spread = [], []
    for d in range(len(parts[0][0])):
        sigma = [math.exp(v[d] / 2) for _, v in parts]
        n = range(len(parts))
        inverse = np.linalg.inv([[(1.0 if i == j else rho) * sigma[i] * sigma[j] for j in n] for i in n])
        total = sum(inverse[i][j] for i in n for j in n)
        mean.append(sum(inverse[i][j] * parts[j][0][d] for i in n for j in n) / total)
        spread.append(-math.log(total))
    return mean, spread


@settings(max_examples=30)
@given(data=experts_and_masks(), rho=st.sampled_from([0.0, 0.2, 0.6, 0.9]))
def test_the_consensus_is_that_of_an_inverted_matrix(data, rho):
    experts, mask = data
    found = Consensus(ConsensusConfig(correlation=rho)).infer(experts, mask)
    for index in np.ndindex(*mask.shape[:-1]):
        have = [m for m in range(mask.shape[-1]) if mask[index][m]]
        parts = [(experts.mean[m, index[-1]].tolist(), experts.log_variance[m, index[-1]].tolist()) for m in have]
        mean, spread = consensus(parts, rho) if parts else unit(experts.mean.shape[-1])
        np.testing.assert_allclose(found.mean[index].numpy(), mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(found.variance[index].log().numpy(), spread, rtol=1e-6, atol=1e-7)


def weighted_model(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    aggregator = {"name": "code", "correlation": RHO}
    model = make_model("code-vae", data, modalities=changes, beta=BETA, aggregator=aggregator, **options)
    model.requires_grad_(False)
    if model.objective.logits is not None:
        model.objective.logits.copy_(torch.linspace(-1, 1, 7))
    return data, model


@settings(max_examples=6)
@given(
    start=st.integers(0, 40),
    epsilon=st.sampled_from([-0.8, 0.0, 0.5]),
    options=st.sampled_from([{"entropy": 0.0}, {"entropy": 3.0}, {"weights": "equal"}]),
)
def test_it_is_the_equation_written_literally(start, epsilon, options):
    data, model = weighted_model(**options)
    batch = model.prepare(data.train[start : start + 4])
    with constant_noise(epsilon):
        terms = model(batch)
    order = [tuple(each.nonzero().squeeze(1).tolist()) for each in powerset(3, torch.device("cpu"))]
    logits = dict(zip(order, [0.0] * 7 if model.objective.logits is None else model.objective.logits.tolist()))
    for b in range(len(batch)):
        have = [m for m in range(3) if batch.available[b, m]]
        heads = {
            m: tuple(each[0].tolist() for each in model.encoders[m](batch.data[KINDS[m]][b : b + 1])) for m in have
        }
        subsets = [s for size in range(1, 4) for s in itertools.combinations(have, size)]
        total = sum(math.exp(logits[s]) for s in subsets)
        likelihood, divergence, entropy = [0.0] * 3, 0.0, 0.0
        for s in subsets:
            weight = math.exp(logits[s]) / total
            q = consensus([heads[m] for m in s], RHO)
            for m in have:
                likelihood[m] += weight * WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], at(q, epsilon))
            divergence += weight * kl(q, unit(D))
            entropy -= weight * math.log(weight)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-9)
        if "entropy" in options:
            assert float(terms.others["entropy"][b]) == pytest.approx(options["entropy"] * entropy, abs=1e-12)
        else:
            assert not terms.others


def test_weights_learn_which_subsets_are_better():
    data, model = weighted_model(missing=0.0, entropy=0.0)
    model.objective.logits.requires_grad_(True)
    torch.manual_seed(0)
    terms = model(data.train[:20])
    (gradient,) = torch.autograd.grad(terms.value(BETA).mean(), model.objective.logits)
    assert gradient.abs().min() > 1e-6 and gradient.sum().abs() < 1e-9


def test_without_the_entropy_it_bounds_the_evidence():
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=0)
    _, x = world.sample(6)
    model = world_model(world, "code-vae", entropy=0.0)
    torch.manual_seed(0)
    with torch.no_grad():
        values = torch.stack([model(world_batch(x)).value(1.0) for _ in range(100)])
    assert (values.mean(0) <= world.log_evidence(x) + 5 * values.std(0) / 10).all()


@pytest.mark.parametrize(("objective", "options"), [("code-vae", {}), ("elbo", {"aggregator": "code"})])
def test_too_many_modalities_end_in_a_sentence(objective, options):
    world = LinearGaussianWorld((2,) * 11, 2, seed=0)
    with raises_sentence("at most 10.*11.*mopoe"):
        world_model(world, objective, **options)


@pytest.mark.parametrize("name", ["mnist-svhn-text-desk", "mnist-svhn-text-paper", "polymnist-desk"])
def test_recipes_resolve(name):
    check_recipe(f"code-vae-{name}")
