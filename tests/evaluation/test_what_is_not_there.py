"""No number about what does not exist: sums name what they are over, counts are of rows that were looked at."""

from dataclasses import replace

import pytest
import torch

from mmgen import Evaluation, MmgenError, Table
from mmgen.evaluation import latent_scatter
from mmgen.evaluation.classification import Classification
from mmgen.evaluation.coherence import Coherence, CoherenceConfig
from mmgen.evaluation.frechet import FDClassifier, FDClassifierConfig
from mmgen.evaluation.grids import generation_grids
from mmgen.evaluation.latent_classification import LatentClassification, LatentClassificationConfig
from mmgen.evaluation.latent_geometry import Clustering, CosineSimilarity
from mmgen.evaluation.reconstruction import Reconstruction
from mmgen.models import ELBO
from mmgen.testing import make_model, matching_rows, toy_data, toy_run, with_labels

QUICK = Coherence(CoherenceConfig(classifier_steps=2))


class AllOrNothing(ELBO):
    def infers(self, model, given):
        return len(given) in (0, len(model.modalities))


class Fewer(ELBO):
    """Infers from what has the first modality, and generates the others."""

    left = 1

    def infers(self, model, given):
        return "vector" in given or not given

    def decodes(self, modalities, latent_dim):
        return dict.fromkeys(list(modalities)[self.left :], latent_dim)


class One(Fewer):
    left = 2


def evaluation_of(objective, data, **options):
    return Evaluation(make_model(objective, data).float(), data, **options)


def test_there_is_no_loss_where_nothing_is_inferred_from_itself():
    rows = Reconstruction().compute(evaluation_of(AllOrNothing, toy_data()))
    (loss,) = matching_rows(rows, measure="loss")
    assert (loss["given"], loss["target"], loss["n"]) == ("vector+counts+tags", "all", 24)


@pytest.mark.parametrize(("objective", "target"), [(Fewer, "counts+tags"), (One, "tags")])
def test_a_sum_over_fewer_modalities_names_them(objective, target):
    rows = Reconstruction().compute(evaluation_of(objective, toy_data()))
    everything = "vector+counts+tags"
    (loss,) = matching_rows(rows, measure="loss")
    parts = {row["target"]: row["value"] for row in matching_rows(rows, measure="log_likelihood", given=everything)}
    assert loss["value"] == pytest.approx(-sum(parts[name] for name in target.split("+")))
    assert (loss["given"], loss["target"]) == (everything, target)
    assert Reconstruction.in_headline("loss", everything, target)


def test_classifiers_agree_with_another_one_or_say_nothing():
    for objective, targets in (("elbo", ["all"]), (Fewer, ["counts+tags"]), (One, [])):  # one agrees with itself always
        rows = QUICK.compute(evaluation_of(objective, toy_data()))
        assert [row["target"] for row in matching_rows(rows, measure="joint")] == targets


def test_means_over_fewer_subsets_or_targets_say_so():
    rows = QUICK.compute(evaluation_of(Fewer, toy_data()))
    notes = {
        row["given"]: row["note"].partition("; ")[2] for row in matching_rows(rows, measure="cross", target="mean")
    }
    fewer = "it generates 2 of 3 modalities"
    assert notes == {
        "1 of 3": f"the model infers from 1 of 3 such subsets; {fewer}",
        "2 of 3": f"the model infers from 2 of 3 such subsets; {fewer}",
    }
    notes = " ".join(row["note"] for row in QUICK.compute(evaluation_of("elbo", toy_data())))
    assert "subsets" not in notes and "generates" not in notes


def test_counts_are_of_the_rows_behind_a_number():
    data = toy_data(rows=90, missing=0.5)
    evaluation = evaluation_of("elbo", data)
    has = [dict(zip(evaluation.names, row, strict=True)) for row in data.test.available.tolist()]
    rows = QUICK.compute(evaluation)
    alone = sum(any(row.values()) for row in has)
    pairs = sum(sum(row.values()) >= 2 for row in has)
    assert {row["n"] for row in matching_rows(rows, target="mean", given="1 of 3")} == {alone}
    assert {row["n"] for row in matching_rows(rows, target="mean", given="2 of 3")} == {pairs} != {alone}
    assert {row["n"] for row in matching_rows(rows, target="mean", given="3 of 3")} == {
        sum(all(row.values()) for row in has)
    }
    rows = CosineSimilarity().compute(evaluation)
    assert {row["n"] for row in matching_rows(rows, target="mean")} == {pairs}
    rows = LatentClassification().compute(evaluation)
    assert {row["n"] for row in matching_rows(rows, measure="per_subset", given="2 of 3")} == {pairs}
    rows = Reconstruction().compute(evaluation)
    assert {row["given"]: row["n"] for row in matching_rows(rows, measure="loss")} == {
        "vector+counts+tags": 45,
        "self": alone,
    }


def single(part, side):
    return {"class": torch.zeros(len(part), dtype=torch.int64), "other": torch.arange(len(part)) % 2}


def unknown(part, side):
    return {"class": torch.full((len(part),), -1)}


def test_a_label_of_one_class_is_nothing_to_find(monkeypatch):
    data = with_labels(toy_data(), single)
    data = replace(data, labels={"class": ("x", "y"), "other": ("even", "odd")})
    evaluation = evaluation_of("elbo", data)
    metrics = [
        QUICK,
        LatentClassification(LatentClassificationConfig(C=(0.1, 1.0))),
        FDClassifier(FDClassifierConfig(classifier_steps=2)),
    ]
    for metric, who in zip(metrics, ("classifiers", "probes", "classifiers"), strict=True):
        assert metric.unavailable_reason(evaluation) is None
        assert {row["label"] for row in metric.compute(evaluation)} <= {"other", ""}
        said = [f"{who} need two classes, and the training rows know only 'x' of 'class'"]
        assert metric.omissions(evaluation) == ([] if metric is metrics[2] else said)
    bare = with_labels(data, lambda part, side: {"class": single(part, side)["class"]})
    for metric, who in zip(metrics, ("classifiers", "probes", "classifiers"), strict=True):
        said = f"{who} need two classes, and the training rows know only 'x' of 'class'"
        assert metric.unavailable_reason(evaluation_of("elbo", bare)) == said
    assert (
        Clustering().unavailable_reason(evaluation_of("elbo", bare))
        == "clusters need two classes, and the test rows know no two"
    )
    answers = {"class": torch.zeros(1, 2)}
    monkeypatch.setattr(evaluation.model.objective, "classify", lambda model, batch: answers)
    assert Classification().compute(evaluation) == []


def test_a_label_that_no_training_row_has():
    data = with_labels(toy_data(), unknown)
    evaluation = evaluation_of("elbo", data)
    assert (
        QUICK.unavailable_reason(evaluation)
        == "classifiers need two classes, and the training rows know no class of 'class'"
    )
    lacking = LatentClassification().unavailable_reason(evaluation)
    assert lacking == "probes need two classes, and the training rows know no class of 'class'"


def test_a_modality_that_one_class_alone_has_judges_nothing():
    data = toy_data()

    def withheld(part):
        available = part.available.clone()
        available[:, 2] = part.labels["class"] == 0
        return Table.of(part.data, available=available, labels=part.labels)

    data = replace(data, train=withheld(data.train), fingerprint="tags of one class alone")
    rows = QUICK.compute(evaluation_of("elbo", data))
    assert {row["target"] for row in rows} == {"vector", "counts", "mean", "vector+counts"}


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_split_without_rows_is_a_sentence(split):
    data = toy_data()
    run = toy_run(data)
    empty = replace(data, **{split: data.test.select(torch.arange(0))})
    other = "val" if split == "test" else "test"
    sentence = rf"'toy' have no {split} rows to evaluate on; --split {other} \(rows: 24\) or --split train \(rows: 48\)"
    with pytest.raises(MmgenError, match=sentence):
        Evaluation(run.model, empty, split=split)


def test_one_row_is_evaluated_and_drawn_and_what_cannot_be_is_said():
    data = toy_data()
    run = toy_run(data, options={"latent_dim": 3})
    few = Evaluation(run.model, replace(data, test=data.test.select(torch.arange(1)), fingerprint="one row"))
    said = []
    rows = run.measurements(
        metrics=["reconstruction", "fd-classifier"],
        notify=said.append,
        evaluation=few,
        **{"fd-classifier": {"classifier_steps": 2}},
    )
    assert {row["n"] for row in rows} == {1}
    assert said == ["The metric 'fd-classifier' has no numbers: no test row has what it looks at."]
    latent_scatter(few)
    assert {*generation_grids(few)} == {"generations", "prior"}
    nothing = few.data.test.available & False
    bare = Evaluation(run.model, replace(few.data, test=replace(few.data.test, available=nothing)))
    latent_scatter(bare)
    assert not matching_rows(Reconstruction().compute(bare), measure="loss")
