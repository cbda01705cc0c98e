"""Metrics against cases worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import Evaluation, MultimodalVAE, Trainer
from mmgen.data.cache_place import cache_root
from mmgen.evaluation.classifiers import Budget, classifier_for
from mmgen.evaluation.coherence import Coherence
from mmgen.evaluation.latent_classification import LatentClassification
from mmgen.evaluation.reconstruction import Reconstruction
from mmgen.testing import matching_rows, set_latents, toy_data


@pytest.fixture
def data():
    return toy_data(rows=90)


def evaluation_of(data, objective="elbo", epochs=0, subsets=None, **options):
    model = MultimodalVAE.create(objective, data, latent_dim=2, **options)
    if epochs:
        Trainer(epochs=epochs, batch_size=16, learning_rate=5e-3).fit(model, data)
    return Evaluation(model, data, subsets=subsets)


def values(rows, **wanted):
    return [row["value"] for row in matching_rows(rows, **wanted)]


def test_all_subsets_are_derived_from_one_encoding_of_each_batch(data):
    evaluation = evaluation_of(data)
    evaluation.batch_size = 20
    calls = []
    for encoder in evaluation.model.encoders:
        encoder.register_forward_hook(lambda *_: calls.append(1))
    latents = evaluation.latents()
    evaluation.generated(("vector",), "counts")
    assert latents.subsets == [(a,) for a in evaluation.names] + [
        ("vector", "counts"),
        ("vector", "tags"),
        ("counts", "tags"),
        tuple(evaluation.names),
    ]
    assert len(calls) == 3 * 3, "three modalities, three batches of 45 rows"
    for s, given in enumerate(latents.subsets):
        torch.testing.assert_close(latents.means[s], evaluation.model.encode(data.test[:], given).mean)


def test_many_modalities_are_looked_at_in_a_bounded_number_of_subsets():
    data = toy_data(("vector", "counts", "tags", "labels", "text", "image"), rows=12)
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data, max_subsets=20)
    assert len(evaluation.subsets) == 20
    assert sum(len(s) == 1 for s in evaluation.subsets) == 6
    assert sum(len(s) == 5 for s in evaluation.subsets) == 6
    assert evaluation.subsets == Evaluation(evaluation.model, data, max_subsets=20).subsets


def test_coherence_of_the_real_values_is_the_accuracy_of_the_classifier(data, monkeypatch):
    evaluation = evaluation_of(data)
    made = evaluation.generation
    monkeypatch.setattr(
        evaluation,
        "generation",
        lambda given, target, truth, **_: replace(
            made(given, target, truth), values=truth if given else made(given, target).values
        ),
    )
    rows = Coherence().compute(evaluation)
    for target in evaluation.names:
        (accuracy,) = values(rows, measure="classifier", target=target)
        assert accuracy > 0.45
        assert set(values(rows, measure="cross", target=target)) | set(values(rows, measure="self", target=target)) == {
            accuracy
        }
    judge = classifier_for(data, "vector", data.modalities["vector"], Budget())
    by_hand = np.mean(
        [
            int(judge(data.test.data["vector"][i : i + 1])["class"].argmax()) == int(data.test.labels["class"][i])
            for i in range(45)
        ]
    )
    assert values(rows, measure="classifier", target="vector") == [pytest.approx(by_hand)]


def test_means_of_coherence_are_over_subsets_and_targets_that_are_not_given(data):
    rows = Coherence().compute(evaluation_of(data))
    for size in (1, 2):
        each = [
            r["value"]
            for r in rows
            if r["measure"] == "cross" and r["target"] != "mean" and len(r["given"].split("+")) == size
        ]
        assert len(each) == {1: 6, 2: 3}[size]
        assert values(rows, measure="cross", given=f"{size} of 3") == [pytest.approx(np.mean(each))]
    assert not values(rows, measure="cross", given="3 of 3")
    assert values(rows, measure="self", given="3 of 3")


def test_independent_vaes_are_not_coherent_across_modalities_and_coherent_ones_are(data):
    apart = Coherence().compute(evaluation_of(data, "elbo", 40, aggregator="none"))
    together = Coherence().compute(evaluation_of(data, "elbo", 40, aggregator="moe", beta=0.05))
    assert (
        values(together, measure="cross", given="1 of 3")[0] > values(apart, measure="cross", given="1 of 3")[0] + 0.15
    )
    assert values(apart, measure="self", given="1 of 3")[0] > 0.45


def test_probes_on_latents_that_are_known(data):
    evaluation = evaluation_of(data, subsets=[("vector",), ("counts",), ("vector", "counts", "tags")])
    for split in ("train", "test"):
        label = evaluation.rows(split).labels["class"].double()
        along = torch.stack([label, torch.zeros_like(label)], -1)
        away = torch.stack([-label, torch.zeros_like(label)], -1)
        set_latents(evaluation, split, torch.stack([along, away, along]))
    rows = LatentClassification().compute(evaluation)
    assert values(rows, measure="per_subset", given="counts") == [1.0]
    assert values(rows, measure="joint_transfer", given="vector") == [1.0]
    assert values(rows, measure="joint_transfer", given="counts")[0] < 0.7, (
        "turned round, only the middle class can stay right"
    )
    assert values(rows, measure="per_subset", given="1 of 3") == [1.0]
    assert values(rows, measure="shared", given="1 of 3")[0] < 0.9
    assert values(rows, measure="chance") == [pytest.approx(1 / 3)]


def test_probes_never_see_what_they_are_scored_on(data):
    evaluation = evaluation_of(data, subsets=[("vector",), ("vector", "counts", "tags")])
    random = torch.Generator().manual_seed(0)
    for split in ("train", "test"):
        rows = len(evaluation.rows(split))
        set_latents(evaluation, split, torch.randn(2, rows, 40, generator=random))
    assert values(LatentClassification().compute(evaluation), measure="per_subset", given="vector")[0] < 0.6


def test_reconstruction_by_hand(data):
    evaluation = evaluation_of(data, modalities={"counts": {"weight": 2.0}})
    rows = Reconstruction().compute(evaluation)
    table, everything = evaluation.latents().table, "vector+counts+tags"
    generated = evaluation.generated(tuple(evaluation.names), "vector")
    by_hand = np.mean([np.mean((generated[i].numpy() - table.data["vector"][i].numpy()) ** 2) for i in range(45)])
    assert values(rows, measure="distance", given=everything, target="vector") == [pytest.approx(by_hand, rel=1e-5)]
    floor = data.train.data["vector"].double().mean(0).numpy()
    by_hand = np.mean([np.mean((floor - table.data["vector"][i].numpy()) ** 2) for i in range(45)])
    assert values(rows, measure="distance", given="nothing", target="vector") == [pytest.approx(by_hand, rel=1e-5)]
    assert values(rows, measure="rmse", given="nothing", target="vector") == [pytest.approx(np.sqrt(by_hand), rel=1e-5)]
    for given in (("vector",), ("counts",)):
        total = sum(
            float(made - real) ** 2
            for made, real in zip(
                evaluation.generated(given, "vector").flatten(), table.data["vector"].flatten(), strict=True
            )
        )
        assert values(rows, measure="rmse", given=given[0], target="vector") == [
            pytest.approx(np.sqrt(total / (45 * 5)), rel=1e-5)
        ]
    assert {row["target"] for row in rows if row["measure"] == "rmse"} == {"vector", "counts"}, "tags are no numbers"
    parts = {
        name: values(rows, measure="log_likelihood", given=everything, target=name)[0] for name in evaluation.names
    }
    assert values(rows, measure="loss", given=everything) == [
        pytest.approx(-parts["vector"] - 2 * parts["counts"] - parts["tags"])
    ]
    assert {row["given"] for row in rows if row["target"] == "tags"} == {
        everything,
        "tags",
        "vector",
        "counts",
        "vector+counts",
        "nothing",
    }


def test_rows_that_lack_a_modality_are_left_out_of_what_needs_it():
    data = toy_data(rows=90, missing=0.4)
    evaluation = evaluation_of(data)
    available = data.test.available
    rows = Reconstruction().compute(evaluation)
    counted = {(row["given"], row["target"]): row["n"] for row in rows if row["measure"] == "distance"}
    assert counted["vector", "vector"] == int(available[:, 0].sum())
    assert counted["vector", "counts"] == int((available[:, 0] & available[:, 1]).sum())
    coherence = Coherence().compute(evaluation)
    assert {row["n"] for row in coherence if row["given"] == "vector+tags"} == {
        int((available[:, 0] & available[:, 2]).sum())
    }


def test_classifiers_are_cached_and_made_again_when_damaged(data):
    options = (data, "tags", data.modalities["tags"], Budget(steps=6))
    one = classifier_for(*options)
    files = {path: path.stat().st_mtime_ns for path in (cache_root() / "classifiers").glob("*.safetensors")}
    two = classifier_for(*options)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))
    assert files == {path: path.stat().st_mtime_ns for path in (cache_root() / "classifiers").glob("*.safetensors")}
    for path in files:
        path.write_bytes(path.read_bytes()[:20])
    three = classifier_for(*options)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), three.state_dict().values()))
    wider = data.modalities["tags"].model_copy(update={"hidden": (99,)})
    assert torch.equal(classifier_for(data, "tags", wider, Budget(steps=6)).head.weight, one.head.weight), (
        "networks of the model do not matter"
    )


def test_a_classifier_in_somebody_elses_cache_is_read_and_not_written(data, monkeypatch):
    options = (data, "tags", data.modalities["tags"], Budget(steps=6))
    one = classifier_for(*options)

    def refused(*arguments):
        raise AssertionError("the cache is written")

    for name in ("writable", "locked", "write_atomically"):
        monkeypatch.setattr(f"mmgen.evaluation.classifiers.{name}", refused)
    two = classifier_for(*options)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))


def test_metrics_that_need_labels_say_so(data):
    bare = data.__class__(**{**vars(data), "test": data.test.__class__(data.test.data, data.test.available)})
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), bare)
    assert (
        Coherence().unavailable_reason(evaluation)
        == LatentClassification().unavailable_reason(evaluation)
        == "the data have no labels"
    )
    assert Reconstruction().unavailable_reason(evaluation) is None
