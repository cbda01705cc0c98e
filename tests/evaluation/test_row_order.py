"""Rows may be sorted: what looks at some of them draws them, and what is drawn for them is not by their place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import Evaluation, MultimodalVAE
from mmgen.distributions import Gaussian, Mixture
from mmgen.evaluation import frechet
from mmgen.evaluation.frechet import FDClassifier, FDClassifierConfig
from mmgen.evaluation.importance import LogLikelihood, LogLikelihoodConfig
from mmgen.evaluation.latent_classification import LatentClassification, LatentClassificationConfig
from mmgen.testing import toy_data


@pytest.fixture
def data():
    """Rows in the order of their classes."""
    made = toy_data(("vector", "counts"), rows=90)
    tables = {
        side: table.select(table.labels["class"].argsort(stable=True))
        for side, table in vars(made).items()
        if side in ("train", "val", "test")
    }
    return replace(made, **tables, fingerprint="sorted by class")


def evaluation_of(data, **options):
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data, **options)


def test_rows_are_drawn_by_the_evaluations_own_seed(data):
    one, again, other = (evaluation_of(data, seed=seed) for seed in (0, 0, 1))
    drawn = one.draw(1000, 50)
    assert drawn.tolist() == sorted({*drawn.tolist()}) and len(drawn) == 50 and drawn.min() >= 0 and drawn.max() < 1000
    assert drawn.tolist() == again.draw(1000, 50).tolist() != other.draw(1000, 50).tolist()
    assert one.draw(7, 50).tolist() == list(range(7))
    counts = np.bincount(np.concatenate([evaluation_of(data, seed=seed).draw(10, 3).numpy() for seed in range(300)]))
    assert (abs(counts - 90) < 4.5 * np.sqrt(300 * 0.3 * 0.7)).all(), "every row as often as any other"
    assert {*evaluation_of(data, max_rows=9).rows("test").labels["class"].tolist()} == {0, 1, 2}


def test_the_log_likelihood_looks_at_rows_of_all_classes(data, monkeypatch):
    evaluation, seen = evaluation_of(data), []
    prepare = evaluation.model.prepare
    monkeypatch.setattr(evaluation.model, "prepare", lambda batch: seen.append(batch) or prepare(batch))
    LogLikelihood(LogLikelihoodConfig(samples=2, rows=12)).compute(evaluation)
    rows = {int(row) for batch in seen for row in batch.rows}
    assert rows == {*data.test.rows[evaluation.draw(45, 12)].tolist()}
    assert {int(code) for batch in seen for code in batch.labels["class"]} == {0, 1, 2}


def test_precision_and_recall_look_at_the_same_drawn_rows_of_all_classes(data, monkeypatch, generating):
    evaluation, seen = evaluation_of(data), []
    generating(evaluation, lambda given, target: evaluation.latents().table.data[target] + 0.5 if given else None)
    monkeypatch.setattr(FDClassifier, "features", lambda self, evaluation, target, values: values.double().flatten(1))
    monkeypatch.setattr(frechet, "precision_and_recall", lambda real, made, k: seen.append((real, made)) or (0.0, 0.0))
    rows = FDClassifier(FDClassifierConfig(classifier_steps=1, manifold_rows=12)).compute(evaluation)
    numbers = evaluation.draw(45, 12)
    assert {*data.test.labels["class"][numbers].tolist()} == {0, 1, 2}
    vectors = [pair for pair in seen if pair[0].shape[1] == 5]
    torch.testing.assert_close(vectors[0][0], data.test.data["vector"][numbers].double())
    torch.testing.assert_close(vectors[1][1], data.test.data["vector"][numbers].double() + 0.5)
    assert {(row["measure"], row["n"]) for row in rows} == {("FD-classifier", 45), ("precision", 12), ("recall", 12)}


def test_probes_learn_from_all_classes(data):
    rows = LatentClassification(LatentClassificationConfig(probe_rows=12)).compute(evaluation_of(data))
    best = max(row["value"] for row in rows if row["measure"] == "per_subset")
    assert best > 0.7, "from two classes it could not be more than two thirds"


def test_each_class_has_its_share_of_every_component():
    """Of sorted rows, too: its variance over seeds is that of drawing 100 of 200 places without replacement."""
    data = toy_data(("vector", "counts"))
    places = Gaussian(torch.tensor([[[0.0]], [[1.0]]]).expand(2, 200, 1), torch.full((2, 200, 1), -60.0))
    mixture = Mixture(places, torch.full((2, 200), 0.5).log())
    shares = []
    for seed in range(200):
        with evaluation_of(data, seed=seed).seeded():
            z = mixture.rsample().squeeze(-1)
        assert z.round().sum() == 100, "of the whole batch as before: its share to within a row"
        shares.append(float(z[:100].mean()))
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.std(shares) == pytest.approx(np.sqrt(0.25 / 100 * 100 / 199), rel=0.2)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    with model._inference():
        torch.manual_seed(0)
        assert 0.2 < float(mixture.rsample()[:100].mean()) < 0.8, "and so for what people generate"
    assert float(mixture.rsample()[:100].mean().round(decimals=2)) != 0.5, "a training deals them along the batch"
