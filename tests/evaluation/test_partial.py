"""Models that infer from some subsets only: what is evaluated, drawn, and refused."""

import pytest

from mmgen import Evaluation, MmgenError, Trainer
from mmgen.evaluation.figures import save_figures
from mmgen.models import MultimodalVAE
from mmgen.testing import toy_data

METRICS = ["coherence", "reconstruction", "latent-classification", "cosine-similarity", "clustering", "log-likelihood"]
OPTIONS = {"coherence": {"classifier_steps": 2}, "log-likelihood": {"samples": 2}}


def run_that_infers(monkeypatch, infers):
    data = toy_data()
    model = MultimodalVAE.create("elbo", data, latent_dim=3)
    monkeypatch.setattr(model.objective, "infers", lambda model, given: infers(given))
    return Trainer(epochs=1).fit(model, data)


@pytest.fixture
def complete(monkeypatch):
    """From everything, and from the prior."""
    return run_that_infers(monkeypatch, lambda given: len(given) in (0, 3))


@pytest.fixture
def conditional(monkeypatch):
    """From every subset that has the first modality, and not from nothing."""
    return run_that_infers(monkeypatch, lambda given: "vector" in given)


def test_subsets_that_mean_nothing_are_left_out(complete, conditional):
    assert Evaluation(complete.model, complete.data).subsets == [("vector", "counts", "tags")]
    found = Evaluation(conditional.model, conditional.data).subsets
    assert found == [("vector",), ("vector", "counts"), ("vector", "tags"), ("vector", "counts", "tags")]


def test_every_metric_says_only_what_can_be_said(complete, conditional):
    said = []
    rows = complete.measurements(metrics=METRICS, notify=said.append, **OPTIONS)
    assert [
        sentence
        for sentence in said
        if "cosine-similarity" in sentence and "does not infer from single modalities" in sentence
    ]
    given = {row["given"] for row in rows if row["metric"] != "reconstruction" or row["given"] != "nothing"}
    assert given <= {"", "prior", "real data", "self", "3 of 3", "vector+counts+tags"}
    assert {row["measure"] for row in rows} >= {"joint", "self", "per_subset", "joint_transfer", "ari"}
    rows = conditional.measurements(metrics=METRICS, **OPTIONS)
    assert not [row for row in rows if row["given"] == "prior"]
    assert {row["target"] for row in rows if row["measure"] == "cross" and row["given"] == "vector"} == {
        "counts",
        "tags",
    }
    assert not [row for row in rows if row["given"] in ("counts", "tags", "counts+tags")]


def test_figures_show_only_what_can_be_shown(complete, conditional, tmp_path):
    for name, run, there in (("complete", complete, True), ("conditional", conditional, False)):
        evaluation = Evaluation(run.model, run.data)
        made = {path.name for path in save_figures(evaluation, run.history, tmp_path / name)}
        assert ("prior.png" in made) is there
        assert {"latents.png", "generations.png", "subsets-counts.png"} <= made


def test_what_is_asked_for_by_name_is_refused_in_a_sentence(complete, conditional):
    batch = complete.data.test[:2]
    with pytest.raises(MmgenError, match=r"infers nothing from vector alone; it can from vector\+counts\+tags\."):
        complete.model.generate(batch, ["vector"])
    with pytest.raises(MmgenError, match="infers nothing from counts"):
        complete.model.encode(batch, ["counts"])
    assert complete.model.encode(batch).mean.shape == (2, 3)
    assert complete.model.generate(samples=2)["vector"].shape == (2, 5)
    with pytest.raises(
        MmgenError, match=r"infers nothing from counts\+tags alone; it can from vector, vector\+counts, vector\+tags\."
    ):
        conditional.model.generate(batch, ["counts", "tags"])
    with pytest.raises(MmgenError, match="has no prior to generate from; say which modalities are given"):
        conditional.model.generate()
