"""DMVAE against its equation in loops, with and without missing modalities, and against exact evidence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgen.models.private
from mmgen.testing import (
    LinearGaussianWorld,
    ObjectiveContract,
    check_absence_in_model,
    check_recipe,
    make_model,
    substitute,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, product, unit

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, P = 3, 2
BETA, PRIVATE_BETA = 0.7, 0.6


class TestContract(ObjectiveContract):
    component = "dmvae"
    options = {"private_dim": 2}


def weighted_model(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    sizes = {"latent_dim": D, "private_dim": P, "private_beta": PRIVATE_BETA}
    return data, make_model("dmvae", data, modalities=changes, beta=BETA, **sizes, **options).requires_grad_(False)


def joint(aggregator, model, rows, complete):
    """q(z|X) of the experts that a row has."""
    if aggregator == "weighted-poe":
        logits = model.objective.aggregate.logits
        mean, spread = [], []
        for d in range(D):
            exponents = [float(logits[m, d].exp()) for m in rows]
            one = product(
                [([q[0][d]], [q[1][d]]) for q in rows.values()], [each / sum(exponents) for each in exponents]
            )
            mean, spread = mean + one[0], spread + one[1]
        return mean, spread
    return product([*rows.values(), *([unit(D)] if complete else [])])


@pytest.mark.parametrize("aggregator", ["poe", "weighted-poe"])
@settings(max_examples=4)
@given(
    start=st.integers(0, 40),
    epsilon=st.sampled_from([-0.8, 0.0, 0.5]),
    combine=st.sampled_from(["sum", "mean"]),
    shared_kl=st.sampled_from(["once", "each"]),
)
def test_it_is_the_equation_written_literally(aggregator, start, epsilon, combine, shared_kl):
    data, model = weighted_model(aggregator=aggregator, combine=combine, shared_kl=shared_kl)
    if aggregator == "weighted-poe":
        model.objective.aggregate.logits.copy_(torch.linspace(-1, 1, 3 * D).reshape(3, D))
    batch = model.prepare(data.train[start : start + 4])
    drawn = substitute(mmgen.models.private, normal_noise=lambda shape, like: like.new_full(shape, epsilon))
    with constant_noise(epsilon), drawn:
        terms = model(batch)
    for b in range(len(batch)):
        have = [m for m in range(3) if batch.available[b, m]]
        heads = {}
        for m in have:
            mean, spread = (each[0].tolist() for each in model.encoders[m](batch.data[KINDS[m]][b : b + 1]))
            heads[m] = (mean[:D], spread[:D]), (mean[D:], spread[D:])
        experts = {m: heads[m][0] for m in have}
        posteriors = [joint(aggregator, model, experts, len(have) == 3), *experts.values()]
        likelihood, divergence = [0.0] * 3, 0.0
        for q in posteriors:
            for m in have:
                private = heads[m][1]
                likelihood[m] += WEIGHTS[m] * log_likelihood(
                    model, batch, b, KINDS[m], [*at(q, epsilon), *at(private, epsilon)]
                )
                likelihood[m] -= PRIVATE_BETA * kl(private, unit(P))
            divergence += kl(q, unit(D)) * (len(have) if shared_kl == "each" else 1)
        share = len(posteriors) if combine == "mean" else 1
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), [each / share for each in likelihood])
        assert float(terms.divergence[b]) == pytest.approx(divergence / share, rel=1e-9)


def test_a_masked_row_is_a_row_of_the_model_of_what_it_has():
    data, model = weighted_model(missing=0.0, **{"aggregator": {"name": "poe", "prior_expert": "none"}})

    def make(kinds):
        options = {"aggregator": {"name": "poe", "prior_expert": "none"}, "private_beta": PRIVATE_BETA}
        smaller = make_model("dmvae", toy_data(kinds), beta=BETA, private_dim=P, **options)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_the_mean_of_its_bounds_is_a_bound():
    world = LinearGaussianWorld((3, 4, 3), 5, seed=1)
    for m, loading in enumerate(world.loadings):
        loading[:, [d for d in range(5) if d not in (0, 1, 2 + m)]] = 0.0
    _, x = world.sample(6)
    model = world_model(LinearGaussianWorld((3, 4, 3), 2, seed=1), "dmvae", private_dim=1, combine="mean")
    with torch.no_grad():
        for m in range(3):
            layer = model.decoders[m].layers[-1]
            layer.weight.copy_(world.loadings[m][:, [0, 1, 2 + m]])
            layer.bias.copy_(world.offsets[m])
            model.likelihoods[m].log_scale.fill_(float(world.scales[m].log()))
        torch.manual_seed(0)
        values = torch.stack([model(world_batch(x)).value(1.0) for _ in range(100)])
    assert (values.mean(0) <= world.log_evidence(x) + 5 * values.std(0) / 10).all()


def test_without_private_latents_its_own_default_about_them_is_left_out():
    model = make_model("dmvae", toy_data(KINDS), private_dim=0)
    assert not model.private


@pytest.mark.parametrize("name", ["mfeat-desk", "mnist-svhn-desk", "mnist-svhn-paper"])
def test_recipes_resolve(name):
    check_recipe(f"dmvae-{name}")
