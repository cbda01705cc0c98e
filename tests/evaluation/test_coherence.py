"""Coherence of several yes/no answers, of words and of draws from the prior; weak classifiers; one decoding for all
metrics.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import Evaluation, MultimodalVAE, Table
from mmgen.evaluation.classifiers import Budget, classifier_for
from mmgen.evaluation.coherence import Coherence, CoherenceConfig
from mmgen.evaluation.frechet import FDClassifier, FDClassifierConfig
from mmgen.evaluation.latent_classification import LatentClassification
from mmgen.evaluation.pairs import judgements
from mmgen.evaluation.reconstruction import Reconstruction
from mmgen.evaluation.scores import average_precisions
from mmgen.testing import row_value, toy_data, with_labels

FEW = CoherenceConfig(classifier_steps=20)


@pytest.fixture
def answers():
    """Three answers about the class, one of them unknown in some rows, and one that is always yes in the test rows."""

    def labels(part, side):
        codes = part.labels["class"]
        made = torch.stack([codes == 0, codes == 1, codes > 0, torch.arange(len(codes)) % 5 > 0], 1).long()
        if side == "test":
            made[:, 3] = 1
            made[::7, 2] = -1
        return {"answers": made}

    return with_labels(toy_data(("vector", "counts"), rows=90), labels, {"answers": ("nought", "one", "more", "often")})


def evaluation_of(data, **options):
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2, **options), data)


def test_several_answers_are_scored_by_average_precision(answers, generating):
    evaluation = evaluation_of(answers)
    table = evaluation.latents().table
    generating(evaluation, lambda given, target: table.data[target])
    rows = Coherence(CoherenceConfig(classifier_steps=300)).compute(evaluation)
    best = row_value(rows, measure="classifier_map", given="real data", target="vector")
    assert best > 0.95
    assert (
        row_value(rows, measure="cross_map", given="counts", target="vector")
        == row_value(rows, measure="self_map", given="vector", target="vector")
        == best
    )
    each = [
        row_value(rows, measure="cross_ap", given="counts", target="vector", label=f"answers: {name}")
        for name in ("nought", "one", "more")
    ]
    assert np.mean(each) == pytest.approx(best)
    assert not [row for row in rows if row["label"] == "answers: often"], (
        "an answer that is always yes has nothing to rank"
    )
    assert not [row for row in rows if row["measure"] == "joint"]


def test_probes_for_several_answers(answers):
    evaluation = evaluation_of(answers)
    truth = {split: evaluation.labels(split)["answers"] for split in ("train", "test")}
    for split in ("train", "test"):
        latents = evaluation.latents(split)
        codes = torch.from_numpy(truth[split][:, :2]).float().clamp(min=0)
        evaluation._latents[split] = replace(latents, means=codes.expand(3, *codes.shape))
    rows = LatentClassification().compute(evaluation)
    assert row_value(rows, measure="per_subset_map", given="vector", target="") == pytest.approx(1.0)
    assert row_value(rows, measure="per_subset_map_hard", given="vector", target="") == pytest.approx(1.0)
    scores = np.zeros(truth["test"].shape)
    assert row_value(rows, measure="chance_map", given="", target="") == pytest.approx(
        np.nanmean(average_precisions(scores, truth["test"]))
    )


def test_joint_coherence_is_how_often_all_classifiers_agree(generating):
    data = toy_data(("vector", "counts"), rows=90)
    evaluation = evaluation_of(data)
    evaluation.max_rows = 45
    table = evaluation.latents().table
    turned = {
        "vector": table.data["vector"],
        "counts": table.data["counts"].roll(1, 0),
    }  # neighbours are of different classes
    for made, expected in ((dict(table.data), 1.0), (turned, 0.0)):
        generating(evaluation, lambda given, target, made=made: made[target])
        rows = Coherence(CoherenceConfig(classifier_steps=300)).compute(evaluation)
        both = row_value(rows, measure="classifier", given="real data", target="mean")
        assert row_value(rows, measure="joint", given="prior", target="all") == pytest.approx(
            expected, abs=2 * (1 - both) + 1e-9
        )


def test_draws_from_the_prior_are_shared_unless_latents_are_own():
    data = toy_data(("vector", "counts"), rows=12)
    one, own = evaluation_of(data), evaluation_of(data, aggregator="none")
    assert torch.equal(one.latent_samples((), "vector"), one.latent_samples((), "counts"))
    assert not torch.equal(own.latent_samples((), "vector"), own.latent_samples((), "counts"))
    assert torch.equal(own.latent_samples((), "counts"), own.latent_samples((), "counts"))
    (row,) = [r for r in Coherence(FEW).compute(evaluation_of(data, prior="geometric")) if r["measure"] == "joint"]
    assert "the prior depends on data: from N(0, I)" in row["note"]


def test_text_can_be_judged_by_the_nearest_name_of_a_class(generating):
    data = replace(toy_data(("text", "vector"), rows=30), labels={"class": ("aaa", "bbb", "c c")})
    evaluation = evaluation_of(data)
    codes = evaluation.labels()["class"]
    words = torch.tensor([[0, 1, 1, 1, 0, 0], [2, 2, 0, 2, 0, 0], [3, 3, 0, 0, 0, 0]], dtype=torch.uint8)
    made = words[torch.from_numpy(codes)]
    made[0] = torch.tensor([1, 1, 2, 2, 0, 0], dtype=torch.uint8)  # between two names
    generating(evaluation, lambda given, target: made if target == "text" and given else None)
    rows = Coherence(CoherenceConfig(classifier_steps=10, text="words")).compute(evaluation)
    assert row_value(rows, measure="cross", given="vector", target="text") == pytest.approx(1 - 1 / len(codes))
    by_classifier = Coherence(FEW).compute(evaluation)
    assert row_value(by_classifier, measure="cross", given="vector", target="text") != row_value(
        rows, measure="cross", given="vector", target="text"
    )


def test_what_weak_classifiers_judge_is_marked():
    data = toy_data(("vector", "counts"), rows=90)
    confused = replace(
        data, train=replace(data.train, labels={"class": torch.arange(90) // 7 % 3}), fingerprint="confused"
    )
    rows = Coherence(CoherenceConfig(classifier_steps=5)).compute(evaluation_of(confused))
    judged = [row for row in rows if row["measure"] in ("cross", "self", "joint")]
    assert all(row["note"].startswith("untrustworthy") for row in judged)
    lenient = Coherence(CoherenceConfig(classifier_steps=5, trustworthy=0)).compute(evaluation_of(confused))
    assert not any(row["note"] for row in lenient)


def test_each_pair_is_decoded_once_for_all_metrics():
    data = toy_data(("vector", "counts", "tags"), rows=40)
    evaluation = evaluation_of(data)
    decoded, encoded = [], []
    for network in evaluation.model.decoders:
        network.register_forward_hook(lambda network, taken, made: decoded.append(len(made)))
    for network in evaluation.model.encoders:
        network.register_forward_hook(lambda *_: encoded.append(1))
    metrics = [Reconstruction(), Coherence(FEW), FDClassifier(FDClassifierConfig(classifier_steps=20))]
    together = [metric.summarise(evaluation, kept) for metric, kept in zip(metrics, judgements(evaluation, metrics))]
    assert sum(decoded) == 7 * 3 * 20 + 3 * evaluation.max_rows, "20 rows of every pair, and draws from the prior"
    assert sorted(decoded)[: 7 * 3] == [20] * 7 * 3, "the rows of a pair are one batch"
    assert len(encoded) == 3, "one batch of 20 rows, three encoders"
    for rows, metric in zip(together, metrics):
        assert rows == metric.compute(evaluation)


def test_targets_that_are_given_are_left_out_where_nobody_asks_for_them():
    evaluation = evaluation_of(toy_data(("vector", "counts", "tags"), rows=40))
    every = Coherence(FEW).compute(evaluation)
    decoded = []
    for network in evaluation.model.decoders:
        network.register_forward_hook(lambda network, taken, made: decoded.append(len(made)))
    cross = Coherence(FEW.model_copy(update={"given": False})).compute(evaluation)
    assert cross == [row for row in every if row["measure"] != "self"] != every
    assert sum(decoded) == (3 * 2 + 3) * 20 + 3 * evaluation.max_rows, "a target is given in four of seven subsets"


def test_likelihoods_are_computed_for_metrics_that_read_them(monkeypatch):
    evaluation = evaluation_of(toy_data(("vector", "counts"), rows=30))
    scored = []
    for likelihood in evaluation.model.likelihoods:
        original = likelihood.log_prob
        monkeypatch.setattr(
            likelihood, "log_prob", lambda *taken, original=original: (scored.append(1), original(*taken))[1]
        )
    Coherence(FEW).compute(evaluation)
    assert not scored
    Reconstruction().compute(evaluation)
    assert len(scored) == 6, "both from each and from both"


def test_one_classifier_serves_all_labels_also_those_of_few_rows():
    data = toy_data(("vector", "counts"), rows=240)

    def more(part: Table, share: int) -> Table:
        codes = part.labels["class"]
        first = torch.where(torch.arange(len(codes)) % share == 0, (codes == 0).long(), -1)
        return replace(
            part, labels={"class": codes, "first": first, "answers": torch.stack([codes == 1, codes == 2], 1).long()}
        )

    sides = {"train": more(data.train, 4), "val": more(data.val, 1), "test": more(data.test, 1)}
    several = replace(
        data, **sides, labels={**data.labels, "first": ("no", "yes"), "answers": ("one", "two")}, fingerprint="several"
    )
    judge = classifier_for(several, "vector", several.modalities["vector"], Budget(steps=200))
    found, truth = judge.logits(several.test.data["vector"]), several.test.labels
    assert {name: each.shape[1] for name, each in found.items()} == {"class": 3, "first": 2, "answers": 2}
    for label in ("class", "first"):
        assert (found[label].argmax(-1) == truth[label]).float().mean() > 0.8
    assert ((found["answers"] > 0) == truth["answers"]).float().mean() > 0.8
