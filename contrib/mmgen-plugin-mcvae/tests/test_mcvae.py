"""The multi-channel VAE against its equation in loops, and what sparsity does."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.testing import (
    ObjectiveContract,
    check_absence_in_model,
    check_recipe,
    make_model,
    raises_sentence,
    toy_data,
)
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, unit

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, BETA = 3, 0.7
LOG_ALPHA = (-2.0, 0.3, 4.0)


class TestContract(ObjectiveContract):
    component = "mcvae"


class TestSparseContract(ObjectiveContract):
    component = "mcvae"
    options = {"sparse": True}
    skip = {
        "test_every_parameter_learns": "A sparse posterior has no use for the encoders' log-variances.",
        "test_bounds_can_be_left": "A sparse posterior has no use for the encoders' log-variances.",
        "test_modalities_can_have_private_latents": "The check asks for gradients of the encoders' log-variances.",
        "test_the_prior_is_used": "A sparse posterior has a prior of its own, 1/|z|.",
        "test_the_bound_holds": "The divergence from an improper prior is known up to a constant.",
    }


def weighted_model(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model("mcvae", data, modalities=changes, beta=BETA, **options).requires_grad_(False)
    if options.get("sparse"):
        model.objective.log_alpha.copy_(torch.tensor(LOG_ALPHA, dtype=torch.float64))
    return data, model


def sparse_kl():
    total = 0.0
    for log_alpha in LOG_ALPHA:
        sigmoid = 1 / (1 + math.exp(-(1.8732 + 1.48695 * log_alpha)))
        total += 0.5 * math.log(1 + math.exp(-log_alpha)) - 0.63576 * sigmoid + 0.63576
    return total


@settings(max_examples=8)
@given(
    start=st.integers(0, 40),
    epsilon=st.sampled_from([-0.8, 0.0, 0.5]),
    sparse=st.booleans(),
    combine=st.sampled_from(["mean", "sum"]),
)
def test_it_is_the_equation_written_literally(start, epsilon, sparse, combine):
    data, model = weighted_model(sparse=sparse, combine=combine)
    batch = model.prepare(data.train[start : start + 4])
    with constant_noise(epsilon):
        terms = model(batch)
    for b in range(len(batch)):
        have = [m for m in range(3) if batch.available[b, m]]
        likelihood, divergence = [0.0] * 3, 0.0
        for c in have:
            mean, spread = (each[0].tolist() for each in model.encoders[c](batch.data[KINDS[c]][b : b + 1]))
            if sparse:
                spread = [a + 2 * math.log(abs(m) + 1e-8) for a, m in zip(LOG_ALPHA, mean)]
            for i in have:
                likelihood[i] += WEIGHTS[i] * log_likelihood(model, batch, b, KINDS[i], at((mean, spread), epsilon))
            divergence += sparse_kl() if sparse else kl((mean, spread), unit(D))
        share = len(have) if combine == "mean" else 1
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), [each / share for each in likelihood])
        assert float(terms.divergence[b]) == pytest.approx(divergence / share, rel=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(sparse):
    data, model = weighted_model(missing=0.0, sparse=sparse)

    def make(kinds):
        smaller = make_model("mcvae", toy_data(kinds), beta=BETA, sparse=sparse).requires_grad_(False)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        if sparse:
            smaller.objective.log_alpha.copy_(torch.tensor(LOG_ALPHA, dtype=torch.float64))
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_log_alpha_learns_by_likelihood_and_divergence():
    data, model = weighted_model(missing=0.0, sparse=True)
    model.objective.log_alpha.requires_grad_(True)
    torch.manual_seed(0)
    terms = model(data.train[:20])
    for term in (terms.log_likelihood.sum(), terms.divergence.sum()):
        (gradient,) = torch.autograd.grad(term, model.objective.log_alpha, retain_graph=True)
        assert gradient.abs().min() > 0
    (gradient,) = torch.autograd.grad(terms.divergence.sum(), model.objective.log_alpha)
    assert (gradient < 0).all()  # the larger the dropout rate, the smaller the divergence


def test_dimensions_of_a_large_dropout_rate_are_left_out():
    data, model = weighted_model(missing=0.0, sparse=True, threshold=0.6)
    rates = model.objective.dropout_rates()
    expected = [math.exp(a) / (1 + math.exp(a)) for a in LOG_ALPHA]
    torch.testing.assert_close(rates.tolist(), expected)
    batch = data.test[:4]
    posterior = model.encode(batch, ["vector"])
    assert not posterior.mean[:, 2].any() and not posterior.variance[:, 2].any()
    _, whole = weighted_model(missing=0.0, sparse=True)
    torch.testing.assert_close(posterior.mean[:, :2], whole.encode(batch, ["vector"]).mean[:, :2])
    assert model.generate(batch, given=["vector"], samples=2)["counts"].isfinite().all()


def test_what_makes_no_sense_ends_in_a_sentence():
    data = toy_data(KINDS)
    with raises_sentence("threshold.*sparse"):
        make_model("mcvae", data, threshold=0.5)
    with raises_sentence("1/|z|"):
        make_model("mcvae", data, sparse=True, prior="scaled-normal")
    with raises_sentence("no prior to generate from"):
        make_model("mcvae", data, sparse=True).generate(samples=2)
    with raises_sentence("objective.sparse"):
        make_model("mcvae", data).objective.dropout_rates()


@pytest.mark.parametrize("scale", ["desk", "paper"])
def test_recipes_resolve(scale):
    check_recipe(f"mcvae-mfeat-{scale}")
