"""Probes whose penalty is chosen on validation rows, against the same choice made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mmgen import Evaluation, MultimodalVAE, Table
from mmgen.evaluation import Latents
from mmgen.evaluation.latent_classification import LatentClassification, LatentClassificationConfig
from mmgen.testing import toy_data

GRID = (10.0, 0.0001, 0.1)
SVM = LatentClassificationConfig(classifier="svm", C=GRID, probes=("per_subset",))


def with_noisy_latents(data, split="test", dimensions=20):
    """An evaluation of two subsets whose latents know the class a little."""
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    evaluation = Evaluation(model, data, split=split, subsets=[("vector",), ("vector", "counts")])
    random = torch.Generator().manual_seed(1)
    for part in ("train", "val", "test"):
        table = evaluation.rows(part)
        means = torch.randn(2, len(table), dimensions, generator=random)
        means[:, :, 0] += torch.arange(len(table)) % 3
        complete = torch.ones(2, len(table), dtype=torch.bool)
        evaluation._latents[part] = Latents(evaluation.subsets, means, means, None, complete, table)
    return evaluation


def value(rows, measure, given):
    (found,) = [row["value"] for row in rows if (row["measure"], row["given"]) == (measure, given)]
    return found


def machine(penalty, latents, codes):
    return make_pipeline(StandardScaler(), LinearSVC(C=penalty, dual=False)).fit(latents, codes)


def test_the_penalty_is_the_best_one_on_validation_rows():
    evaluation = with_noisy_latents(toy_data(("vector", "counts"), rows=90))
    rows = LatentClassification(SVM).compute(evaluation)
    for s, given in enumerate(("vector", "vector+counts")):
        x = {split: evaluation.latents(split).means[s].double().numpy() for split in ("train", "val", "test")}
        y = {split: evaluation.labels(split)["class"] for split in x}
        fitted = {penalty: machine(penalty, x["train"], y["train"]) for penalty in sorted(GRID)}
        on_val = {penalty: (each.predict(x["val"]) == y["val"]).mean() for penalty, each in fitted.items()}
        assert len(set(on_val.values())) > 1, "the choice must matter here"
        best = max(on_val, key=on_val.get)
        assert value(rows, "per_subset_C", given) == best
        assert value(rows, "per_subset", given) == pytest.approx((fitted[best].predict(x["test"]) == y["test"]).mean())
    assert {row["n"] for row in rows if row["measure"] == "per_subset_C"} == {45}
    assert {row["note"] for row in rows} == {""}


def with_answers(data):
    def table(part):
        codes = part.labels["class"]
        made = torch.stack([codes == 0, codes > 0, codes == 1, codes >= 0], 1).long()
        made[::6, 1] = -1
        return Table.of(part.data, available=part.available, labels={"answers": made})

    names = {"answers": ("nought", "more", "one", "always")}
    return replace(
        data, train=table(data.train), val=table(data.val), test=table(data.test), labels=names, fingerprint="answers"
    )


def test_several_answers_have_a_machine_each_and_are_ranked_by_the_distance_from_its_boundary():
    evaluation = with_noisy_latents(with_answers(toy_data(("vector", "counts"), rows=90)))
    rows = LatentClassification(SVM).compute(evaluation)
    means = {split: evaluation.latents(split).means[0].double().numpy() for split in ("train", "val", "test")}
    truth = {split: evaluation.labels(split)["answers"] for split in means}
    found = {}
    for penalty in sorted(GRID):
        machines = []
        for i in range(3):
            known = truth["train"][:, i] >= 0
            machines.append(machine(penalty, means["train"][known], truth["train"][known, i]))
        for split in ("val", "test"):
            scores = np.stack([each.decision_function(means[split]) for each in machines], 1)
            known = truth[split][:, :3] >= 0
            each = [average_precision_score(truth[split][known[:, i], i], scores[known[:, i], i]) for i in range(3)]
            found[penalty, split] = np.mean(each), average_precision_score(truth[split][:, :3][known], scores[known])
    best = max(sorted(GRID), key=lambda penalty: found[penalty, "val"][0])
    assert value(rows, "per_subset_C", "vector") == best
    assert value(rows, "per_subset_map", "vector") == pytest.approx(found[best, "test"][0])
    assert value(rows, "per_subset_map_micro", "vector") == pytest.approx(found[best, "test"][1])
    assert value(rows, "chance_map_micro", "") == pytest.approx((truth["test"] > 0).sum() / (truth["test"] >= 0).sum())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_machines_converge_on_many_dimensions_few_rows_and_any_scale(scale):
    evaluation = with_noisy_latents(toy_data(("vector", "counts"), rows=30), dimensions=80)
    for split in ("train", "val", "test"):
        evaluation.latents(split).means.mul_(scale)
    rows = LatentClassification(LatentClassificationConfig(classifier="svm")).compute(evaluation)
    assert {row["measure"] for row in rows} == {
        f"{probe}{end}" for probe in ("per_subset", "joint_transfer", "shared") for end in ("", "_C")
    } | {"chance"}


def test_without_validation_rows_the_middle_value_is_taken_and_every_number_says_so():
    data = toy_data(("vector", "counts"), rows=60)
    evaluation = with_noisy_latents(data)
    evaluation.data = replace(data, val=data.val.select(torch.arange(0)))
    rows = LatentClassification(SVM).compute(evaluation)
    notes = {row["measure"]: row["note"] for row in rows}
    assert notes["per_subset"] == "no validation rows to choose C on: it is 0.1"
    assert "per_subset_C" not in notes, "nothing was chosen"
    assert notes["chance"] == ""


def test_a_penalty_that_was_chosen_on_the_evaluated_rows_is_marked():
    evaluation = with_noisy_latents(toy_data(("vector", "counts"), rows=60), split="val")
    notes = {row["measure"]: row["note"] for row in LatentClassification(SVM).compute(evaluation)}
    assert notes["per_subset"] == "C was chosen on these rows"


def test_one_value_leaves_nothing_to_choose():
    evaluation = with_noisy_latents(toy_data(("vector", "counts"), rows=60))
    plain = LatentClassification().compute(evaluation)
    assert not [row for row in plain if row["measure"].endswith("_C")]
    assert plain == LatentClassification(LatentClassificationConfig(C=(1.0,))).compute(evaluation)
    strong = LatentClassification(LatentClassificationConfig(C=(1e-6,))).compute(evaluation)
    assert plain != strong
