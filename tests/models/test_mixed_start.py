"""Modalities of mixed columns at the start: their numbers as if they were a modality of their own, their answers at
logistic regressions, written out.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen.data import make_likelihood
from mmgen.distributions.likelihoods import Mixed
from mmgen.models import MultimodalVAE
from mmgen.models.answer_start import LESS, start_of_answers
from mmgen.models.linear_start import parts_of, start_linear
from mmgen.training.imputed import log_scores

NUMBERS, SHUFFLED = ["age", "bmi", "crp"], ["smoker", "age", "ward", "bmi", "visits", "crp"]


def world(rows: int = 400, gaps: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genes, and a clinic of numbers, an answer, a category and a count that two factors explain."""
    random = np.random.default_rng(3)
    z = random.normal(size=(rows, 2))
    genes = pd.DataFrame(z @ random.normal(size=(2, 5)) + 0.6 * random.normal(size=(rows, 5))).add_prefix("g")
    numbers = z @ random.normal(size=(2, 3)) + 0.6 * random.normal(size=(rows, 3))
    clinic = pd.DataFrame(numbers, columns=NUMBERS)
    clinic["smoker"] = (z[:, 0] + random.normal(size=rows) > 0.8).astype(int)
    clinic["ward"] = np.select([z[:, 1] > 0.7, z[:, 1] > -0.4], ["icu", "surgery"], "medicine")
    clinic["visits"] = random.poisson(np.exp(1 + 0.3 * z[:, 1]))
    clinic = clinic[SHUFFLED]
    clinic[NUMBERS] = clinic[NUMBERS].mask(random.random((rows, 3)) < gaps)
    return genes, clinic


def started(tables: dict[str, pd.DataFrame], clinic: dict[str, object]) -> tuple[MultimodalVAE, mmgen.Data, str]:
    kinds = {"genes": {"kind": "vector", "hidden": [6], "linear_path": True}}
    data = mmgen.load_dataset(tables, modalities={**kinds, "clinic": {"hidden": [6], "linear_path": True, **clinic}})
    torch.manual_seed(0)
    model = MultimodalVAE.create("mvtcae", data, latent_dim=4).double().eval()
    return model, data, start_linear(model, data.train, data.val).sentence


@pytest.mark.parametrize("cells", [False, True])
def test_numbers_begin_as_if_they_were_alone(cells: bool) -> None:
    genes, clinic = world(gaps=0.15 if cells else 0.0)
    options: dict[str, object] = {"missing": "cell", "mask_input": True} if cells else {}
    learned = {"name": "normal", "scale_kind": "learned"}
    likelihoods = {"smoker": "bernoulli", "ward": "categorical", "visits": "poisson"}
    mixed, data, sentence = started(
        {"genes": genes, "clinic": clinic},
        {"kind": "mixed", "likelihood": learned, "likelihoods": likelihoods, **options},
    )
    alone, data_alone, _ = started(
        {"genes": genes, "clinic": clinic[NUMBERS]}, {"kind": "vector", "likelihood": learned, **options}
    )
    assert "factor analysis of 8 columns (genes, 3 of 6 of clinic)" in sentence
    z = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    at = [SHUFFLED.index(name) for name in NUMBERS]
    with torch.no_grad():
        ours, theirs = mixed.decode(z, "clinic"), alone.decode(z, "clinic")
        torch.testing.assert_close(ours[:, 0, at], theirs[:, 0], rtol=1e-6, atol=1e-6)
        scatter = [model.likelihoods[1].scatter(output) for model, output in ((mixed, ours), (alone, theirs))]
        torch.testing.assert_close(scatter[0][:, at], scatter[1], rtol=1e-6, atol=1e-6)
        experts = []
        for model, loaded in ((mixed, data), (alone, data_alone)):
            batch = loaded.train[:]
            batch.data.update({name: values.double() for name, values in batch.data.items()})
            experts.append(model.experts(model.prepare(batch)))
    both = data_alone.train.available.all(1)  # a row may have answers and no number
    for mine, alike in zip(
        (experts[0].mean, experts[0].log_variance), (experts[1].mean, experts[1].log_variance), strict=True
    ):
        torch.testing.assert_close(mine[:, both], alike[:, both], rtol=1e-5, atol=1e-5)


def test_a_start_predicts_answers_and_categories() -> None:
    genes, clinic = world()
    likelihoods = {"smoker": "bernoulli", "ward": "categorical", "visits": "poisson"}
    model, data, _ = started({"genes": genes, "clinic": clinic}, {"kind": "mixed", "likelihoods": likelihoods})
    rows = data.test[:]
    rows.data.update({name: values.double() for name, values in rows.data.items()})
    with torch.no_grad():
        batch = model.prepare(rows)
        z = model.posterior(batch, model.mask(batch, ["genes"])).mean
        guess = model.likelihoods[1].mean(model.decode(z, "clinic"))
    truth = batch.data["clinic"]
    ward, visits = SHUFFLED.index("ward"), SHUFFLED.index("visits")
    usual = truth[:, ward].mode().values
    assert (guess[:, ward] == truth[:, ward]).double().mean() > (truth[:, ward] == usual).double().mean() + 0.1
    assert float(guess[:, visits].mean()) == pytest.approx(float(truth[:, visits].mean()), rel=0.15)


def test_logits_are_at_the_optimum_of_the_penalised_likelihood() -> None:
    random = np.random.default_rng(0)
    seen = random.normal(size=(80, 2))
    answers = (seen[:, 0] + random.normal(size=80) > 0.5).astype(float)
    wards = random.integers(0, 3, size=80).astype(float) * (seen[:, 1] > -1)
    wards[:3] = -1
    observed = np.ones((80, 3), dtype=bool)
    observed[5:9, 0] = False
    likelihood = Mixed(
        [
            (make_likelihood("bernoulli", (1,)), [0]),
            (make_likelihood("categorical", (1,), categories=4), [1]),
            (make_likelihood("normal", (1,)), [2]),
        ]
    )
    values = np.stack([answers, wards, seen[:, 0]], 1)
    slopes, intercepts = (part.reshape(4, 3, -1) for part in start_of_answers(likelihood, values, observed, seen))
    assert not slopes[1:, 0].any() and not slopes[:, 2].any() and not intercepts[:, 2].any()
    by_slope, by_intercept = [-slopes[0, 0, s] for s in range(2)], 0.0
    for n in range(80):
        if observed[n, 0]:
            p = 1 / (1 + math.exp(-(slopes[0, 0] @ seen[n] + intercepts[0, 0, 0])))
            by_intercept += answers[n] - p
            by_slope = [g + (answers[n] - p) * seen[n, s] for s, g in enumerate(by_slope)]
    assert abs(by_intercept) < 0.05 and max(map(abs, by_slope)) < 0.05
    gradients = np.zeros((3, 3))
    gradients[:, :2] = -slopes[:3, 1]
    for n in range(3, 80):
        weights = [math.exp(slopes[c, 1] @ seen[n] + intercepts[c, 1, 0]) for c in range(3)]
        for c in range(3):
            gradients[c] += ((wards[n] == c) - weights[c] / sum(weights)) * np.array([*seen[n], 1.0])
    assert np.abs(gradients).max() < 0.05
    assert not slopes[3, 1].any() and intercepts[3, 1, 0] == pytest.approx(intercepts[:3, 1, 0].min() - LESS)


def test_one_answer_alone_says_nothing() -> None:
    likelihood = Mixed([(make_likelihood("bernoulli", (1,)), [0]), (make_likelihood("normal", (1,)), [1])])
    values = np.ones((20, 2))
    slopes, intercepts = start_of_answers(likelihood, values, np.ones((20, 2), dtype=bool), np.ones((20, 1)))
    assert not slopes.any() and not intercepts.any()


def test_scores_of_numbers_are_those_of_numbers_alone_and_of_answers_mean_probabilities() -> None:
    random = torch.Generator().manual_seed(0)
    normal, answers = make_likelihood("normal", (2,)), make_likelihood("bernoulli", (1,))
    mixed = Mixed([(normal, [0, 2]), (answers, [1])])
    parameters = torch.randn(5, 6, 1, 3, generator=random, dtype=torch.float64)
    x = torch.randn(6, 3, generator=random, dtype=torch.float64)
    x[:, 1] = (x[:, 1] > 0).double()
    found = log_scores(mixed, parameters, x)
    torch.testing.assert_close(found[:, [0, 2]], log_scores(normal, parameters[..., [0, 2]], x[:, [0, 2]]))
    for n in range(6):
        p = [1 / (1 + math.exp(-float(parameters[k, n, 0, 1]))) for k in range(5)]
        mean = sum(each if x[n, 1] else 1 - each for each in p) / 5
        assert float(found[n, 1]) == pytest.approx(math.log(mean))


def test_nothing_but_answers_has_no_part() -> None:
    genes, clinic = world()
    model, _, sentence = started(
        {"genes": genes, "clinic": clinic[["smoker", "ward"]]},
        {"kind": "mixed", "likelihoods": {"smoker": "bernoulli", "ward": "categorical"}},
    )
    assert [part.name for part in parts_of(model)] == ["genes"] and "clinic with random weights" in sentence
