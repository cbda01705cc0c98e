"""What is said of an answer that no run can give: before anything is trained, and of a cell that stays empty."""

import pandas as pd
import pytest
import yaml

import mmgen
from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.registry import load
from mmgen_plugin_papers import Answer, Column, dry_run
from mmgen_plugin_papers.answer_checks import measures_of
from mmgen_plugin_papers.answers import _missing_reason

GENES = {"metric": "latent-classification", "measure": "per_subset", "given": "genes", "label": "diagnosis"}
LOSS = {"metric": "reconstruction", "measure": "loss", "given": "genes+proteins", "target": "all"}
RMSE = {"metric": "reconstruction", "measure": "distance", "given": "genes", "target": "proteins"}
LABELS = "table-1, column 'G', 'per_subset' of 'latent-classification': "
SUMS = "table-1, column 'G', 'loss' of 'reconstruction': "


def answered(home, answer):
    """The toy paper with another answer in the first column of its first table."""
    path = home / "toy_papers" / "papers" / "toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["tables"][0]["columns"][0]["answers"] = [answer]
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({**GENES, "measure": "per_subsett"}, "table-1, column 'G': the metric 'latent-classification' has no measure"),
        ({**LOSS, "measure": "los"}, "has no measure 'los'; there are loss, distance, rmse, "),
        ({**GENES, "metric": "coherense"}, "There is no metric 'coherense'"),
        (
            {**GENES, "given": "gens"},
            LABELS + "given 'gens': there are genes, proteins, self, prior, nothing, real data; did you mean 'genes'?",
        ),
        ({**GENES, "given": "1 of 3"}, LABELS + "given '1 of 3': there are 1 of 2, 2 of 2."),
        ({**GENES, "label": "diagnose"}, LABELS + "label 'diagnose': there are diagnosis; did you mean 'diagnosis'?"),
        ({**LOSS, "target": "everything"}, SUMS + "target 'everything': there are genes, proteins, all, mean."),
        ({**LOSS, "given": "proteins+genes"}, SUMS + "given 'proteins+genes': results have it as 'genes+proteins'."),
    ],
)
def test_an_answer_that_cannot_be_is_refused_before_anything_is_made(home, here, capfd, answer, sentence):
    answered(home, answer)
    with pytest.raises(MmgenError) as error:
        dry_run("toy", "table-1")
    assert sentence in str(error.value)
    assert run_guarded(app, ["reproduce", "toy/table-1", "--output", "r"]) == 2
    assert sentence in capfd.readouterr().err
    assert not (home / "r").exists()


@pytest.mark.parametrize(
    "answer",
    [
        GENES,
        {**GENES, "given": "1 of 2"},
        {**GENES, "label": "KL(a ‖ b)"},
        LOSS,
        {**LOSS, "given": "self"},
        {**RMSE, "given": "nothing"},
    ],
)
def test_an_answer_that_can_be_passes(home, answer):
    answered(home, answer)
    assert [estimate.problem for estimate in dry_run("toy", "table-1", seeds=[0])] == ["", ""]


def test_data_that_the_user_changes_need_not_fit_the_paper(home):
    answered(home, {**GENES, "given": "1 of 3"})
    changed, elsewhere = "dataset.missing_rate=0.1", f"whole:dataset.config={home / 'my.yaml'}"
    assert [one.problem for one in dry_run("toy", "table-1", seeds=[0], assignments=[changed])] == ["", ""]
    with pytest.raises(MmgenError, match="given '1 of 3'"):
        dry_run("toy", "table-1", seeds=[0], assignments=[elsewhere])


def test_data_that_cannot_be_opened_are_left_to_the_estimates(home):
    (home / "my.csv").unlink()
    assert all("my.csv" in estimate.problem for estimate in dry_run("toy", "table-1"))


def test_measures_are_those_that_a_metric_declares_and_describes():
    class Plain(mmgen.Metric):
        """Counts ``rows``, and ``hits`` that may end in ``_map``."""

        headline = ("share",)

    assert measures_of(Plain) == ["share", "rows", "hits", "rows_map", "hits_map"]
    assert {"self", "self_map", "cross", "joint"} <= set(measures_of(load("metrics", "coherence")))


def rows(**columns):
    """Results of one metric, 'counts', with the same words but for those of one column."""
    fixed = {"metric": "counts", "measure": "hits", "given": "a", "target": "b", "label": "", "seed": 0, "value": 1.0}
    (name, values), *_ = columns.items()
    return pd.DataFrame([{**fixed, name: value} for value in values])


@pytest.mark.parametrize(
    ("results", "answer", "reason"),
    [
        (
            rows(measure=["hits", "misses"]),
            {"measure": "hist", "given": "a", "target": "b"},
            "its runs have no counts of measure 'hist', given 'a', target 'b'; measure there is 'hits', 'misses'",
        ),
        (
            rows(given=["a", "image+text", "text"]),
            {"measure": "hits", "given": "image+txt", "target": "b"},
            "its runs have no counts of measure 'hits', given 'image+txt', target 'b'; "
            "given there is 'image+text', 'text', 'a'",
        ),
        (
            rows(target=["", "b"]),
            {"measure": "hits", "given": "a", "target": "mean"},
            "its runs have no counts of measure 'hits', given 'a', target 'mean'; target there is 'b', ''",
        ),
        (rows(metric=["others"]), {"measure": "hits"}, "its runs have no numbers of the metric 'counts'"),
    ],
)
def test_an_empty_cell_says_what_was_looked_for_and_what_there_is(results, answer, reason):
    column = Column(name="x", better="higher", answers=(Answer(metric="counts", **answer),))
    assert _missing_reason(column, pd.Series(dtype=float), results) == reason
