"""CMVAE against its equation with the mean over clusters written out, its prior, and how many clusters it finds."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import Gaussian, laplace_noise, normal_noise
from mmgen.testing import (
    MetricContract,
    ObjectiveContract,
    PriorContract,
    check_recipe,
    make_model,
    raises_sentence,
    toy_data,
)
from mmgen.testing.literal import known_experts
from mmgen_plugin_cmvae.agreement import matched

KINDS = ("vector", "counts", "tags")
D, P, C, BETA = 3, 2, 4, 0.7


class TestContract(ObjectiveContract):
    component = "cmvae"
    options = {"private_dim": 2, "prior": {"name": "clusters", "clusters": 3}}


class TestPriorContract(PriorContract):
    component = "clusters"
    options = {"clusters": 3, "scales": "learned"}


class TestAgreementContract(MetricContract):
    component = "cluster-agreement"
    objective = "cmvae"


def clustered_model(family="gaussian", scales="fixed", missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    prior = {"name": "clusters", "clusters": C, "family": family, "scales": scales}
    sizes = {"latent_dim": D, "private_dim": P}
    model = make_model("cmvae", data, beta=BETA, prior=prior, posterior=family, **sizes, **options)
    model.requires_grad_(False)
    model.objective.clusters.logits.copy_(torch.linspace(-1, 1, C))
    if scales == "learned":
        model.objective.clusters.log_scales.copy_(torch.linspace(-0.5, 0.5, C * D).reshape(C, D))
    return data, model


def log_density(family, x, mean, scale):
    if family == "laplace":
        return sum(-math.log(2 * s) - abs(v - m) / s for v, m, s in zip(x, mean, scale))
    return sum(-0.5 * math.log(2 * math.pi) - math.log(s) - 0.5 * ((v - m) / s) ** 2 for v, m, s in zip(x, mean, scale))


def clusters_of(model, family, z):
    """log π_c + log p(z|c) of every cluster that is there."""
    prior = model.objective.clusters
    there = [c for c in range(C) if prior.kept[c]]
    total = sum(math.exp(float(prior.logits[c])) for c in there)
    scale = [[1.0] * D] * C if prior.log_scales is None else prior.log_scales.exp().tolist()
    return {
        c: float(prior.logits[c]) - math.log(total) + log_density(family, z, prior.means[c].tolist(), scale[c])
        for c in there
    }


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
@settings(max_examples=3)
@given(seed=st.integers(0, 1000), scales=st.sampled_from(["fixed", "learned"]), lost=st.booleans())
def test_it_is_the_equation_with_the_mean_over_clusters(family, seed, scales, lost):
    samples, rows = 2, 3
    data, model = clustered_model(family, scales, samples=samples)
    if lost:
        model.objective.clusters.keep(torch.tensor([True, False, True, True]))
    batch = model.prepare(data.train[seed % 30 : seed % 30 + rows])
    draw, like = (laplace_noise if family == "laplace" else normal_noise), torch.zeros((), dtype=torch.float64)
    torch.manual_seed(seed)
    eps = draw((samples, 3, rows, D), like)
    own = [draw((samples, rows, P), like) for _ in KINDS]
    others = [draw((samples, 3, rows, P), like) for _ in KINDS]
    torch.manual_seed(seed)
    value = model(batch).value(BETA)
    for b in range(rows):
        have = [m for m in range(3) if batch.available[b, m]]
        q = {}
        for m in have:
            mean, spread = (each[0].tolist() for each in model.encoders[m](batch.data[KINDS[m]][b : b + 1]))
            scale = [math.exp(each / 2) for each in spread]
            q[m] = (mean[:D], scale[:D]), (mean[D:], scale[D:])
        bounds = []
        for r in have:
            log_w = []
            for k in range(samples):
                z = [m + s * float(e) for m, s, e in zip(*q[r][0], eps[k, r, b])]
                w = [m + s * float(e) for m, s, e in zip(*q[r][1], own[r][k, b])]
                total = 0.0
                for m in have:
                    taken = torch.tensor([*z, *(w if m == r else others[m][k, r, b].tolist())], dtype=torch.float64)
                    output = model.decode(taken[None], KINDS[m])[0]
                    total += float(model.likelihoods[m].log_prob(output, batch.data[KINDS[m]][b]))
                mixture = math.log(sum(math.exp(log_density(family, z, *q[m][0])) for m in have) / len(have))
                joint = clusters_of(model, family, z)
                evidence = math.log(sum(math.exp(each) for each in joint.values()))
                mean_over_c = 0.0
                for each in joint.values():
                    share = math.exp(each - evidence)
                    mean_over_c += share * (each - math.log(share))
                private = log_density(family, w, [0.0] * P, [1.0] * P) - log_density(family, w, *q[r][1])
                log_w.append(total + BETA * (mean_over_c - mixture + private))
            bounds.append(math.log(sum(math.exp(each) for each in log_w) / samples))
        assert float(value[b]) == pytest.approx(sum(bounds) / len(bounds), rel=1e-8)


def test_a_row_has_the_mean_of_what_its_modalities_say():
    data, model = clustered_model()
    batch = model.prepare(data.test[:6])
    logits = model.classify(batch)["cluster"]
    for b in range(6):
        have = [m for m in range(3) if batch.available[b, m]]
        shares = [0.0] * C
        for m in have:
            mean = model.encoders[m](batch.data[KINDS[m]][b : b + 1])[0][0, :D].tolist()
            joint = clusters_of(model, "gaussian", mean)
            total = sum(math.exp(each) for each in joint.values())
            shares = [share + math.exp(joint[c]) / total / len(have) for c, share in enumerate(shares)]
        torch.testing.assert_close(logits[b].exp().tolist(), shares)


def test_it_finds_as_many_clusters_as_there_are():
    """Experts at two centres with a cluster at each, and two clusters that are nowhere near."""
    data, model = clustered_model(missing=0.0)
    prior = model.objective.clusters
    prior.logits.zero_()
    prior.means.copy_(torch.tensor([[4.0, 0.0, 0.0], [0.5, 3.0, 0.0], [-4.0, 0.0, 0.0], [0.5, -3.0, 1.0]]))
    experts = torch.zeros(3, len(data.train), D, dtype=torch.float64)
    experts[:, :, 0] = 4 - 8 * (torch.arange(len(data.train)) % 2)
    with known_experts(model, Gaussian(experts, torch.zeros_like(experts))):
        model.objective.solve(model, data.train)
    assert prior.kept.tolist() == [True, False, True, False]


def test_clusters_that_were_taken_away_have_no_rows_and_nothing_is_drawn_from_them():
    data, model = clustered_model(missing=0.0)
    model.objective.clusters.means.copy_(10 * torch.eye(C, D))
    model.objective.clusters.keep(torch.tensor([True, False, False, True]))
    assert set(model.classify(data.test[:20])["cluster"].argmax(-1).tolist()) <= {0, 3}
    torch.manual_seed(0)
    z = model.sample_prior(400)
    assert (z[:, 1] < 6).all() and (z[:, 0] > 6).any() and (z[:, 0] < 6).any()


def test_all_clusters_are_kept_where_that_is_asked_for():
    data, model = clustered_model(missing=0.0, number="all")
    model.objective.solve(model, data.train)
    assert model.objective.clusters.kept.all()


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12),
)
def test_accuracy_is_that_of_the_best_assignment(pairs):
    found, truth = (np.array(each) for each in zip(*pairs))
    best = 0
    for classes in itertools.permutations([0, 1, 2, None], 4):
        best = max(best, sum(classes[f] == t for f, t in pairs))
    assert matched(found, truth) == pytest.approx(best / len(pairs))


def test_clusters_of_another_family_end_in_a_sentence():
    with raises_sentence("prior.family.*objective.posterior"):
        make_model("cmvae", toy_data(KINDS), posterior="laplace")


@pytest.mark.parametrize("scale", ["desk", "paper"])
def test_recipes_resolve(scale):
    check_recipe(f"cmvae-polymnist-{scale}")
