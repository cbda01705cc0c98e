"""A comparison from end to end: what is made, skipped, resumed, extended and refused, and what is written."""

import io
import json

import pandas as pd
import pytest
import yaml
from rich.console import Console

import mmgen
from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen_plugin_compare import Choice, ComparisonRequest, ComparisonWarning, GridRequest, run_comparison
from mmgen_plugin_compare.progress import format_time_left, time_left


def names(here):
    """The jobs that the last comparison did."""
    return here[-1].done if here else []


def test_a_grid_is_made_and_the_same_call_makes_nothing_again(home, asked, here):
    objectives = ["moe=elbo"]
    asked["assignments"] += ["moe:aggregator.name=moe"]
    table = mmgen.compare(objectives, betas=[0.1, 1], seeds=[0, 1], output="c", **asked)
    assert len(names(here)) == 4
    assert list(table.columns) == [
        "objective",
        "beta",
        "seed",
        "metric",
        "measure",
        "given",
        "target",
        "label",
        "value",
        "n",
        "note",
        "split",
        "data",
    ]
    assert set(table.data) == {"real"}
    key = ["objective", "beta", "seed", "metric", "measure", "given", "target", "label", "split"]
    assert not table.duplicated(key).any()
    assert set(table[table.split == "val"].metric) == {"latent-classification"}
    run = mmgen.load_run("c/moe/beta-0.1/seed-1")
    assert run.config["aggregator"] == {"name": "moe"}
    assert (run.config["model"]["beta"], run.config["training"]["seed"]) == (0.1, 1)
    mine = table[(table.objective == "moe") & (table.beta == 0.1) & (table.seed == 1)]
    assert mine.value.tolist() == [row["value"] for row in run.results]
    pd.testing.assert_frame_equal(pd.read_csv("c/results.csv", keep_default_na=False), table, check_dtype=False)
    summary = pd.read_csv("c/summary.csv", keep_default_na=False)
    loss = (
        table[(table.measure == "loss") & (table.given == "genes+proteins")]
        .set_index(["objective", "beta", "seed"])
        .value
    )
    row = summary[(summary.objective == "moe") & (summary.beta == 1) & (summary.measure == "loss")].iloc[0]
    assert float(row["mean"]) == pytest.approx((loss["moe", 1.0, 0] + loss["moe", 1.0, 1]) / 2)
    assert summary.groupby(["objective"]).chosen.sum().gt(0).all()
    assert (home / "c" / "figure.png").exists()
    assert (home / "c" / "figure.pdf").exists()
    again = mmgen.compare(objectives, betas=[0.1, 1], seeds=[0, 1], output="c", **asked)
    assert len(here) == 1, "no launcher was needed"
    pd.testing.assert_frame_equal(again, table)


def test_without_labels_the_imputation_of_validation_rows_chooses(home, asked, here):
    (home / "my.yaml").write_text((home / "my.yaml").read_text().replace("label: diagnosis\n", ""))
    asked["metrics"] = ["reconstruction", "coherence", "imputation"]
    del asked["metric"]
    table = mmgen.compare(["elbo"], betas=[0.1, 10], output="c", **asked)
    scores = table[(table.split == "val") & (table.measure == "score")].set_index("beta").value
    assert set(table[table.split == "val"].metric) == {"imputation"}
    assert len(scores) == 2
    summary = pd.read_csv("c/summary.csv", keep_default_na=False)
    assert set(summary[summary.chosen].beta) == {scores.idxmax()}
    assert {"score", "score_ridge", "skill"} <= set(summary[summary.metric == "imputation"].measure)
    assert (home / "c" / "figure.png").exists()


def test_with_labels_one_metric_chooses(home, asked, here):
    asked["metrics"] = ["latent-classification", "imputation", "reconstruction"]
    del asked["metric"]
    table = mmgen.compare(["elbo"], output="c", **asked)
    assert set(table[table.split == "val"].metric) == {"latent-classification"}


def test_more_seeds_and_metrics_extend_and_other_settings_are_refused(home, asked, here):
    mmgen.compare(["elbo"], seeds=[0], output="c", **asked)
    before = (home / "c" / "elbo" / "beta-1" / "seed-0" / "model.safetensors").stat().st_mtime_ns
    table = mmgen.compare(["elbo"], seeds=[1], output="c", **asked)
    assert names(here) == ["elbo_beta-1_seed-1"]
    assert set(table.seed) == {0, 1}, "the table has all of the folder"
    more = {**asked, "metrics": [*asked["metrics"], "clustering"]}
    grid = GridRequest(objectives=["elbo"], seeds=[0], **{key: more[key] for key in more if key != "metric"})
    comparison = run_comparison(ComparisonRequest(grid, Choice.parse(more["metric"]), home / "c"))
    assert names(here) == ["elbo_beta-1_seed-0"]
    assert "clustering" in set(comparison.results.metric)
    assert comparison.unrequested == 1, "seed 1 has no clustering, and was not asked for"
    assert (home / "c" / "elbo" / "beta-1" / "seed-0" / "model.safetensors").stat().st_mtime_ns == before, (
        "it was only evaluated"
    )
    said = Console(file=io.StringIO(), width=400)
    grid = GridRequest(objectives=["elbo"], seeds=[2], **{key: asked[key] for key in asked if key != "metric"})
    run_comparison(ComparisonRequest(grid, Choice.parse(asked["metric"]), home / "c"), said)
    assert "was begun with further metrics, by which all of its runs are evaluated: clustering." in said.file.getvalue()
    asked["assignments"][1] = "training.epochs=3"
    with pytest.raises(MmgenError, match=r"elbo with training\.epochs=2, and now it would be 3"):
        mmgen.compare(["elbo"], seeds=[0], output="c", **asked)


def test_what_fails_is_listed_and_the_rest_goes_on_and_finishes_when_it_can(home, asked, here, monkeypatch):
    titles = []
    monkeypatch.setattr("mmgen_plugin_compare.comparison.tradeoff_figure", lambda *arguments: titles.append(arguments))
    asked["assignments"] += ["wild:training.learning_rate=1e30"]
    with pytest.warns(ComparisonWarning, match=r"wild, β 1, seed 0: Training stopped at .* not (a )?finite number"):
        table = mmgen.compare(["wild=elbo", "elbo"], output="c", **asked)
    assert set(table.objective) == {"elbo"}
    ((_, _, title),) = titles
    assert title[-1] == "1 of 2 runs are not finished."
    state = json.loads((home / "c" / "jobs" / "wild_beta-1_seed-0.json").read_text())
    assert state["state"] == "failed"
    assert "finite number" in (home / "c" / "jobs" / "wild_beta-1_seed-0.log").read_text()


def test_a_run_is_what_train_and_evaluate_make(home, asked, here):
    mmgen.compare(["elbo"], betas=[0.5], seeds=[3], output="c", **asked)
    words = ["train", "--objective", "elbo", "--dataset", "table", "--beta", "0.5", "--seed", "3", "--output", "single"]
    assert run_guarded(app, [*words, *(part for text in asked["assignments"] for part in ("--set", text))]) == 0
    assert (
        run_guarded(app, ["evaluate", "single", "--metrics", "reconstruction,latent-classification", "--no-figures"])
        == 0
    )
    one, two = home / "c" / "elbo" / "beta-0.5" / "seed-3", home / "single"
    for name in ("model.safetensors", "config.yaml"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert [row for row in mmgen.load_run(one).results if row["split"] == "test"] == mmgen.load_run(two).results


def test_the_command_prints_tables_with_their_data_and_refuses_what_does_not_fit(home, here, capfd):
    words = [
        "compare",
        "--objectives",
        "elbo",
        "--dataset",
        "table",
        "--set",
        "dataset.config=my.yaml",
        "--set",
        "training.epochs=1",
    ]
    words += [
        "--metrics",
        "reconstruction,latent-classification",
        "--betas",
        "0.1,1",
        "--seeds",
        "0,1",
        "--output",
        "c",
    ]
    assert run_guarded(app, words) == 0
    out, _ = capfd.readouterr()
    assert "4 runs to make" in out
    assert "elbo, β 0.1, seed 0: finished in" in out
    assert "4 of 4 finished" in out
    assert "given 1 of 2" in out
    assert out.count("±") >= 4
    assert "→" in out
    assert "Data: table, real:" in out
    written = yaml.safe_load((home / "c" / "compare.yaml").read_text())
    assert written["objectives"]["elbo"]["runs"] == {0.1: [0, 1], 1.0: [0, 1]}
    for changed, sentence in (
        (["--set", "model.latent_dim=3"], "model.latent_dim=the default, and now it would be 3"),
        (["--seeds", "a"], "--seeds: 'a' is not right"),
        (["--metric", "coherence"], "write NAME:measure"),
        (["--metrics", "nothing"], "There is no metric 'nothing'"),
        (["--output", "."], "it is no comparison"),
        (["--set", "objective.nothing=1", "--output", "new"], "objective.nothing: there is no such option"),
    ):
        assert run_guarded(app, [*words, *changed]) == 2
        assert sentence in capfd.readouterr().err
    assert not (home / "new").exists()


def test_time_left():
    assert time_left([("a", 10.0), ("a", 20.0)], [], ["a", "a", "b"], 1) == pytest.approx(45)
    assert time_left([("a", 10.0), ("b", 30.0)], [], ["a", "b"], 2) == pytest.approx(20)
    assert time_left([], [("a", 10.0, 0.25)], ["a"], 1) == pytest.approx(30 + 40), "at the pace of what runs"
    assert time_left([("a", 10.0)], [("a", 4.0, 0.0)], [], 4) == pytest.approx(6), "no less than the longest"
    assert time_left([], [("a", 10.0, 0.0)], ["a"], 1) is None
    assert time_left([("a", 10.0)], [], [], 1) == 0
    assert [format_time_left(s) for s in (40, 600, 11_100, None)] == [
        "about 40 s left",
        "about 10 min left",
        "about 3 h 05 min left",
        "time left not known yet",
    ]
