"""The generic objective against its equation in loops, for every aggregator and prior, and against exact evidence."""

import itertools
import math

import pytest
import torch

from mmgen.distributions import Gaussian
from mmgen.models import elbo_terms
from mmgen.testing import (
    LinearGaussianWorld,
    central_noise,
    make_model,
    sampled_value,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import average, kl, log_normal, product, unit

AGGREGATORS = ("poe", "moe", "mopoe", "mean", "none")
PRIORS = ("normal", "geometric", "mixture")


def components(aggregator, experts, present, count):
    """The components (mean, log-variance) and weights of one row's posterior."""
    own, normal = [experts[m] for m in present], unit(len(experts[0][0]))
    if aggregator == "poe":
        return [product([*own, normal])], [1.0]
    if aggregator == "moe":
        return own, [1 / len(own)] * len(own)
    if aggregator == "mean":
        return [average(own)], [1.0]
    subsets = [s for size in range(1, len(own) + 1) for s in itertools.combinations(range(len(own)), size)]
    made = [product([own[i] for i in s] + ([normal] if len(s) == count else [])) for s in subsets]
    return made, [1 / len(subsets)] * len(subsets)


def prior_of(prior, experts, present):
    """A list of (weight, mean, log-variance)."""
    own, normal = [experts[m] for m in present], unit(len(experts[0][0]))
    if prior == "normal":
        return [(1.0, *normal)]
    if prior == "mixture":
        return [(1 / len(own), *expert) for expert in own]
    return [(1.0, *product([*own, normal], [1 / (len(own) + 1)] * (len(own) + 1)))]


@pytest.mark.parametrize(("aggregator", "prior"), list(itertools.product(AGGREGATORS, PRIORS)))
def test_is_the_equation_written_literally(aggregator, prior):
    data = toy_data(missing=0.4, rows=12)
    sampling = {"mixture_sampling": "all"} if aggregator in ("moe", "mopoe") else {}
    model = make_model("elbo", data, aggregator=aggregator, prior=prior, **sampling)
    batch = model.prepare(data.train[:6])
    with central_noise(), torch.no_grad():
        terms = model(batch)
        experts = model.experts(batch)
    names = list(model.modalities)
    for b in range(6):
        present = [m for m in range(3) if batch.available[b, m]]
        row = [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in range(3)]
        reference = prior_of(prior, row, present)

        def divergence(q, z, reference=reference):
            if len(reference) == 1 and prior != "mixture":
                return kl(q, reference[0][1:])
            return log_normal(z, q) - math.log(sum(w * math.exp(log_normal(z, (m, v))) for w, m, v in reference))

        def log_likelihood(z, m, b=b):
            x = batch.data[names[m]][b]
            with torch.no_grad():
                return float(
                    model.likelihoods[m].log_prob(
                        model.decode(torch.tensor(z, dtype=torch.float64)[None], names[m])[0], x
                    )
                )

        if aggregator == "none":
            expected_ll = [log_likelihood(row[m][0], m) if m in present else 0.0 for m in range(3)]
            expected_kl = sum(divergence(row[m], row[m][0]) for m in present)
        else:
            mixture, weights = components(aggregator, row, present, 3)
            expected_ll = [
                sum(w * log_likelihood(q[0], m) for w, q in zip(weights, mixture)) if m in present else 0.0
                for m in range(3)
            ]
            expected_kl = sum(w * divergence(q, q[0]) for w, q in zip(weights, mixture))
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), expected_ll, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), expected_kl, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("aggregator", ["moe", "mopoe"])
def test_the_stratified_estimator_is_unbiased(aggregator):
    data = toy_data(rows=12)
    model = make_model("elbo", data, aggregator=aggregator)
    batch = model.prepare(data.train[:4])
    torch.manual_seed(0)
    with torch.no_grad():
        stratified = torch.stack([elbo_terms(model.objective, model, batch).log_likelihood for _ in range(1000)])
        exact = torch.stack(
            [elbo_terms(model.objective, model, batch, stratified=False).log_likelihood for _ in range(300)]
        )
    error = stratified.std(0) / 1000**0.5 + exact.std(0) / 300**0.5
    assert ((stratified.mean(0) - exact.mean(0)).abs() < 5 * error).all()


@pytest.mark.parametrize("aggregator", ["poe", "moe", "mopoe", "mean"])
@pytest.mark.parametrize("orthogonal", [True, False])
def test_is_a_lower_bound_of_the_exact_evidence(aggregator, orthogonal):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=orthogonal, seed=3)
    model = world_model(world, "elbo", aggregator=aggregator)
    _, x = world.sample(16)
    mean, error = sampled_value(model, world_batch(x), draws=400)
    assert (mean <= world.log_evidence(x) + 5 * error).all()


def test_is_tight_where_the_product_of_experts_is_the_true_posterior():
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=4)
    model = world_model(world, "elbo", aggregator="poe")
    _, x = world.sample(16)
    available = torch.rand(16, 3, generator=torch.Generator().manual_seed(0)) < 0.6
    for mask in (None, available):
        mean, error = sampled_value(model, world_batch(x, mask), draws=400)
        evidence = world.log_evidence(x, mask)
        assert ((mean - evidence).abs() < 5 * error + 1e-9).all()
        exact = world.posterior(x, mask)[0]
        torch.testing.assert_close(model.posterior(world_batch(x, mask), world_batch(x, mask).available).mean, exact)


def test_own_latents_bound_the_sum_of_the_single_evidences():
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=5)
    model = world_model(world, "elbo", aggregator="none")
    _, x = world.sample(16)
    mean, error = sampled_value(model, world_batch(x), draws=400)
    assert (mean <= sum(world.log_evidence(x, [m]) for m in range(3)) + 5 * error).all()


def test_the_vamp_prior_is_the_mixture_of_posteriors_of_its_pseudo_inputs():
    data = toy_data(("vector", "counts"), rows=12)
    model = make_model("elbo", data, prior={"name": "vamp", "components": 3})
    model.requires_grad_(False)
    prior = model.objective.prior_for(model, model.experts(data.train[:2]), data.train[:2].available)
    z = torch.randn(2, 3, dtype=torch.float64)
    total = torch.zeros(2, dtype=torch.float64)
    for k in range(3):
        parts = [
            Gaussian(*encoder(u[k : k + 1]))
            for encoder, u in zip(model.encoders, model.objective.prior_for.pseudo_inputs)
        ]
        mean, log_variance = product([(p.mean[0].tolist(), p.log_variance[0].tolist()) for p in parts] + [unit(3)])
        total += torch.tensor([math.exp(log_normal(row.tolist(), (mean, log_variance))) / 3 for row in z])
    torch.testing.assert_close(prior.log_prob(z), total.log())
    assert model.generate(samples=5)["vector"].shape == (5, 5)
