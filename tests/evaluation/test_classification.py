"""The model's own classifier against counts and sums by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import Evaluation, MultimodalVAE, Table
from mmgen.evaluation.classification import Classification
from mmgen.testing import toy_data

ANSWERS = ("sky", "sea", "always", "unknown")


def with_labels(data, labels, names):
    """Labels of the 24 test rows, which are also those of the first and the second half of the training rows."""
    test = Table.of(data.test.data, available=data.test.available, labels=labels)
    twice = {label: torch.cat([codes, codes]) for label, codes in labels.items()}
    train = Table.of(data.train.data, available=data.train.available, labels=twice)
    return replace(data, train=train, test=test, labels=names)


def answering(monkeypatch, data, logits):
    """An evaluation in batches of seven, whose model's classifier gives these logits: label to ``[rows, _]``."""
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    monkeypatch.setattr(
        model.objective, "classify", lambda model, batch: {label: each[batch.rows] for label, each in logits.items()}
    )
    return Evaluation(model, data, batch_size=7)


def by_name(rows):
    return {(row["measure"], row["label"]): (row["value"], row["n"]) for row in rows}


def test_accuracy_and_error_rate_are_of_the_rows_whose_class_is_known(monkeypatch):
    data = toy_data(("vector", "counts"), rows=48)
    codes = torch.arange(24) % 3
    codes[:4] = -1
    data = with_labels(data, {"class": codes}, data.labels)
    wrong = torch.tensor([5, 9, 10, 20])
    said = codes.clamp(min=0)
    said[wrong] = (said[wrong] + 1) % 3
    logits = {"class": 4.0 * torch.nn.functional.one_hot(said, 3) - 1, "other": torch.zeros(24, 2)}
    rows = Classification().compute(answering(monkeypatch, data, logits))
    assert by_name(rows) == {
        ("accuracy", "class"): (pytest.approx(16 / 20), 20),
        ("error_rate", "class"): (pytest.approx(4 / 20), 20),
    }
    assert {row["measure"] for row in rows} <= set(Classification.headline)


def precision_by_hand(scores, answers):
    """The mean, over the rows with a yes in order of their scores (no ties), of the share of yes up to there."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    found, precisions = 0, []
    for place, i in enumerate(order, 1):
        found += answers[i]
        precisions += [found / place] if answers[i] else []
    return sum(precisions) / len(precisions)


def test_several_answers_macro_and_micro(monkeypatch):
    random = torch.Generator().manual_seed(3)
    logits = 50 * torch.randn(24, 4, generator=random)  # so sure that probabilities in float32 would be ties
    truth = torch.randint(0, 2, (24, 4), generator=random)
    truth[:, 2], truth[:, 3] = 1, -1
    truth[::5, 0] = -1
    truth[7] = -1
    data = with_labels(toy_data(("vector", "counts")), {"concept": truth}, {"concept": ANSWERS})
    found = by_name(Classification().compute(answering(monkeypatch, data, {"concept": logits})))
    each = {}
    for i, name in enumerate(ANSWERS[:2]):
        known = [r for r in range(24) if truth[r, i] >= 0]
        each[name] = precision_by_hand([float(logits[r, i]) for r in known], [int(truth[r, i]) for r in known])
        assert found["ap", f"concept: {name}"] == (pytest.approx(each[name]), len(known))
    assert found["map", "concept"] == (pytest.approx(np.mean(list(each.values()))), 23)
    known = [(r, i) for r in range(24) for i in range(4) if truth[r, i] >= 0]
    together = precision_by_hand([float(logits[at]) for at in known], [int(truth[at]) for at in known])
    assert found["map_micro", "concept"] == (pytest.approx(together), 23)
    assert len(found) == 4, "nothing about answers that are always yes, or never known"


def test_what_it_lacks(monkeypatch):
    data = toy_data(("vector", "counts"))
    assert Classification().unavailable_reason(Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)) == (
        "the objective has no classifier of its own"
    )
    logits = {"class": torch.zeros(24, 3)}
    assert Classification().unavailable_reason(answering(monkeypatch, data, logits)) is None
    bare = with_labels(data, {}, {})
    assert Classification().unavailable_reason(answering(monkeypatch, bare, logits)) == "the data have no labels"
