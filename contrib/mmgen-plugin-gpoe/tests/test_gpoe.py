"""gPoE-MVAE against its equation in loops, and the metric against its definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgen
from mmgen.testing import (
    MetricContract,
    ObjectiveContract,
    check_absence_in_model,
    check_recipe,
    make_model,
    raises_sentence,
    row_value,
    toy_data,
)
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, product, unit

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, BETA = 3, 0.7


class TestContract(ObjectiveContract):
    component = "gpoe"


class TestDeviationContract(MetricContract):
    component = "latent-deviation"
    options = {"label": "class", "normal": "y", "reference": "train"}


def weighted_model(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model("gpoe", data, modalities=changes, beta=BETA, **options).requires_grad_(False)
    model.objective.aggregate.logits.copy_(torch.linspace(-1, 1, 3 * D).reshape(3, D))
    return data, model


@settings(max_examples=6)
@given(
    start=st.integers(0, 40),
    epsilon=st.sampled_from([-0.8, 0.0, 0.5]),
    likelihoods=st.sampled_from(["sum", "mean"]),
)
def test_it_is_the_equation_written_literally(start, epsilon, likelihoods):
    data, model = weighted_model(likelihoods=likelihoods)
    batch = model.prepare(data.train[start : start + 4])
    logits = model.objective.aggregate.logits
    with constant_noise(epsilon):
        terms = model(batch)
    for b in range(len(batch)):
        have = [m for m in range(3) if batch.available[b, m]]
        heads = {
            m: tuple(each[0].tolist() for each in model.encoders[m](batch.data[KINDS[m]][b : b + 1])) for m in have
        }
        mean, spread = [], []
        for d in range(D):
            powers = [math.exp(float(logits[m, d])) for m in have]
            one = product([([heads[m][0][d]], [heads[m][1][d]]) for m in have], [each / sum(powers) for each in powers])
            mean, spread = mean + one[0], spread + one[1]
        q = mean, spread
        share = len(have) if likelihoods == "mean" else 1
        for m in range(3):
            expected = 0.0
            if m in have:
                expected = WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], at(q, epsilon)) / share
            assert float(terms.log_likelihood[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert float(terms.divergence[b]) == pytest.approx(kl(q, unit(D)), rel=1e-9)


def test_a_masked_row_is_a_row_of_the_model_of_what_it_has():
    data, model = weighted_model(missing=0.0)

    def make(kinds):
        smaller = make_model("gpoe", toy_data(kinds), beta=BETA)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        with torch.no_grad():
            kept = [KINDS.index(kind) for kind in kinds]
            smaller.objective.aggregate.logits.copy_(model.objective.aggregate.logits[kept])
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_the_deviation_is_the_distance_from_the_norm():
    data = toy_data(KINDS, missing=0.2)
    model = make_model("gpoe", data)
    options = {"label": "class", "normal": "y", "reference": "train"}
    found = mmgen.evaluate(mmgen.Evaluation(model, data), ["latent-deviation"], options={"latent-deviation": options})

    def points(table):
        batch = table[:]
        with torch.no_grad():
            mean = model.encode(batch, ["vector", "tags"]).mean.numpy()
        has = batch.available[:, [0, 2]].all(1).numpy()
        return mean, has, batch.labels["class"].numpy()

    mean, has, code = points(data.train)
    norm = mean[has & (code == 1)]
    centre = [sum(each[d] for each in norm) / len(norm) for d in range(D)]
    covariance = np.array(
        [
            [sum((e[i] - centre[i]) * (e[j] - centre[j]) for e in norm) / (len(norm) - 1) for j in range(D)]
            for i in range(D)
        ]
    )
    mean, has, code = points(data.test)
    distances = [math.sqrt((z - centre) @ np.linalg.solve(covariance, z - centre)) for z in mean]
    for c, name in enumerate("xyz"):
        of = [d for d, h, k in zip(distances, has, code) if h and k == c]
        value = row_value(found, measure="deviation", given="vector+tags", label=f"class: {name}")
        assert value == pytest.approx(sum(of) / len(of), rel=1e-6)
    pairs = [
        (other > normal) + 0.5 * (other == normal)
        for other, h, k in zip(distances, has, code)
        if h and k != 1
        for normal, g, j in zip(distances, has, code)
        if g and j == 1
    ]
    assert row_value(found, measure="auc", given="vector+tags", label="class") == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"label": "class", "normal": "w"}, "normal.*'w'.*x, y, z"),
        ({"normal": "x"}, "normal.*label"),
    ],
)
def test_what_there_is_not_ends_in_a_sentence(options, sentence):
    data = toy_data(KINDS)
    with raises_sentence(sentence):
        mmgen.evaluate(
            mmgen.Evaluation(make_model("gpoe", data), data),
            ["latent-deviation"],
            options={"latent-deviation": options},
        )


def test_a_label_that_there_is_not_is_said():
    data, said = toy_data(KINDS), []
    evaluation = mmgen.Evaluation(make_model("gpoe", data), data)
    options = {"latent-deviation": {"label": "clas"}}
    assert not mmgen.evaluate(evaluation, ["latent-deviation"], options=options, notify=said.append)
    assert "'clas'" in said[0] and "class" in said[0]


def test_a_run_that_knows_only_the_norm_says_so():
    values = np.random.default_rng(0).normal(size=(2, 40, 3))
    data, said = mmgen.load_dataset({"a": values[0], "b": values[1]}, label=["well"] * 40), []
    evaluation = mmgen.Evaluation(make_model("gpoe", data), data)
    options = {"latent-deviation": {"label": "label"}}
    assert not mmgen.evaluate(evaluation, ["latent-deviation"], options=options, notify=said.append)
    assert "'well'" in said[0] and "dataset.split" in said[0]


@pytest.mark.parametrize("scale", ["desk", "paper"])
def test_recipes_resolve(scale):
    check_recipe(f"gpoe-mfeat-{scale}")
