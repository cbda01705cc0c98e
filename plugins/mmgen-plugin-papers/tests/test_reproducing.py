"""A reproduction from end to end: which runs are made, what stands beside the printed numbers, and what is refused."""

import json
import math
import statistics
from pathlib import Path

import pandas as pd
import pytest
import yaml

import mmgen
from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen_plugin_compare import ComparisonWarning


def cell(table, method, column, **more):
    """The one row of a table of numbers."""
    keep = (table.method == method) & (table.column == column)
    for key, value in more.items():
        keep &= table[key] == value
    (row,) = table[keep].to_dict("records")
    return row


def test_our_numbers_stand_beside_the_printed_ones_and_the_same_call_makes_nothing_again(home, here):
    table = mmgen.reproduce("toy", "table-1", output="r")
    assert sorted(here[0].done) == [
        "mixture_beta-1_seed-0",
        "mixture_beta-1_seed-1",
        "product_beta-1_seed-0",
        "product_beta-1_seed-1",
    ]
    accuracy = []
    for seed in (0, 1):
        run = mmgen.load_run(home / "r" / "whole" / "product" / "beta-1" / f"seed-{seed}")
        assert run.config["aggregator"]["name"] == "poe"
        (value,) = (row["value"] for row in run.results if (row["measure"], row["given"]) == ("per_subset", "genes"))
        accuracy.append(value)
    ours = cell(table, "Product", "G")
    assert ours["ours"] == pytest.approx(statistics.mean(accuracy))
    assert ours["std"] == pytest.approx(statistics.stdev(accuracy))
    assert (ours["n"], ours["printed"], ours["page"], ours["data"], ours["better"]) == (2, 0.75, 7, "real", "higher")
    assert ours["difference"] == pytest.approx(statistics.mean(accuracy) - 0.75)
    error = cell(table, "Product", "error %")
    assert error["ours"] == pytest.approx(100 - 100 * statistics.mean(accuracy)), (
        "the objective has no classifier, so the second answer counts"
    )
    assert (error["metric"], error["printed"], error["printed_std"]) == ("latent-classification", 25.0, 1.5)
    nothing = cell(table, "Product", "no number")
    assert math.isnan(nothing["ours"])
    assert nothing["note"] == "nothing measures it"
    older = cell(table, "Older", "G")
    assert math.isnan(older["ours"])
    assert older["printed"] == 0.5
    assert older["note"] == "There is no such method."
    assert math.isnan(cell(table, "Mixture", "G")["printed"])
    written = pd.read_csv("r/reproduction.csv")
    pd.testing.assert_series_equal(written.ours, table.ours)
    page = (home / "r" / "reproduction.md").read_text()
    for part in (
        "On toys",
        "(page 7)",
        "| Product | ours |",
        "|  | printed | 0.75 | 25 ± 1.5 | – |",
        "table, real:",
        "A toy.",
        "Older: There is no such method.",
    ):
        assert part in page, part
    assert (home / "r" / "whole" / "results.csv").exists()
    again = mmgen.reproduce("toy", "table-1", output="r")
    assert len(here) == 1, "no launcher was needed"
    pd.testing.assert_frame_equal(again, table)


def test_tables_share_their_runs_and_a_folder_keeps_all_that_it_was_asked_for(home, here):
    mmgen.reproduce("toy", "table-1", output="r", seeds=[0])
    before = (home / "r" / "whole" / "mixture" / "beta-1" / "seed-0" / "model.safetensors").stat().st_mtime_ns
    table = mmgen.reproduce("toy", "figure-1", output="r", seeds=[0])
    assert here[1].done == ["mixture_beta-1_seed-0"]
    assert (
        home / "r" / "whole" / "mixture" / "beta-1" / "seed-0" / "model.safetensors"
    ).stat().st_mtime_ns == before, "only evaluated"
    assert list(dict.fromkeys(table.table)) == ["table-1", "figure-1"]
    assert math.isfinite(cell(table, "Mixture", "loss")["ours"])
    assert yaml.safe_load((home / "r" / "reproduce.yaml").read_text())["tables"] == ["table-1", "figure-1"]
    with pytest.raises(MmgenError, match=r"training\.epochs=2, and now it would be 3"):
        mmgen.reproduce("toy", "figure-1", output="r", seeds=[0], assignments=["training.epochs=3"])
    with pytest.raises(MmgenError, match="reproduces toy at the scale 'desk'; choose another --output"):
        mmgen.reproduce("toy", "figure-1", "paper", output="r")


def test_variants_are_grids_of_their_own_and_columns_can_be_means(home, here):
    with Path("my.yaml").open("a") as file:
        file.write("simulated: true\n")
    table = mmgen.reproduce("toy", "figure-2", output="r")
    assert len(here[0].done) == 4
    assert mmgen.load_run("r/parts/many/product/beta-2/seed-0").config["dataset"]["missing_rate"] == 0.3
    for beta in (0.5, 2.0):
        few, many, mean = (cell(table, "Product", name, beta=beta)["ours"] for name in ("few", "many", "mean"))
        assert few != many
        assert mean == pytest.approx((few + many) / 2)
    page = (home / "r" / "reproduction.md").read_text()
    assert "Product, β 0.5" in page
    assert page.count("Data: table, simulated:") == 2
    assert page.count("Data: Simulated data, not measurements.") == 1


def test_settings_reach_whom_they_name(home, here):
    table = mmgen.reproduce(
        "toy",
        "table-1",
        output="r",
        seeds=[3],
        assignments=["whole:model.latent_dim=4", "mixture:training.epochs=1", "parts:training.epochs=9"],
    )
    assert set(table[table.n > 0].n) == {1}
    product, mixture = (mmgen.load_run(f"r/whole/{name}/beta-1/seed-3").config for name in ("product", "mixture"))
    assert (product["model"]["latent_dim"], mixture["model"]["latent_dim"]) == (4, 4)
    assert (product["training"]["epochs"], mixture["training"]["epochs"]) == (2, 1)


def test_what_fails_is_listed_and_the_rest_goes_on(home, here, capfd):
    with pytest.warns(ComparisonWarning, match="product, β 1, seed 0: Training stopped"):
        table = mmgen.reproduce(
            "toy", "table-1", output="r", seeds=[0], assignments=["product:training.learning_rate=1e30"]
        )
    assert cell(table, "Product", "G")["note"] == "none of its runs is finished"
    assert cell(table, "Mixture", "G")["n"] == 1
    words = [
        "reproduce",
        "toy/table-1",
        "--output",
        "r",
        "--seeds",
        "0",
        "--set",
        "product:training.learning_rate=1e30",
    ]
    assert run_guarded(app, words) == 1
    out, _ = capfd.readouterr()
    assert "Failed:" in out
    assert "product, β 1, seed 0" in out


def test_the_command_prints_the_layout_with_its_data(home, here, capfd):
    assert run_guarded(app, ["reproduce", "toy/table-1", "--output", "r", "--seeds", "0,1"]) == 0
    out, _ = capfd.readouterr()
    assert "toy/table-1, scale desk: Accuracy and error." in out
    assert out.count("difference") >= 2
    assert "less is better" in out
    assert "25 ± 1.5" in out
    assert "Data: table, real:" in out
    assert run_guarded(app, ["reproduce", "toy/table-1", "--output", "r", "--seeds", "0,1", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert {row["printed"] for row in rows} == {0.75, 25.0, 0.5, 3.0, None}
    assert run_guarded(app, ["reproduce", "toy/figure-3"]) == 0
    assert "figure-3: It is a picture." in capfd.readouterr().out
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Say what: mmgen reproduce PAPER"),
        (["toys"], "There is no paper 'toys'"),
        (["mixture"], "There is no paper 'mixture', but a method of toy/table-1"),
        (["toy/table-9"], "The paper has no 'table-9' with results; it has table-1, figure-1"),
        (["toy/table-2"], "Not installed: nothing-such; pip install mmgen-plugin-nothing-such"),
        (["toy", "--dry-run"], "Not installed: nothing-such"),
        (["toy/table-1", "--scale", "small"], "there is no scale 'small'"),
        (["toy/table-1", "--seeds", "x"], "--seeds: 'x' is not right"),
        (
            ["toy/table-1", "--set", "products:training.epochs=1"],
            "'products' is no experiment, dataset or method of the paper",
        ),
        (["toy/table-1", "--set", "training.epoch=1"], "training.epoch: there is no such option"),
        (["toy/table-1", "--set", "dataset.digits=x"], "dataset.digits: there is no such option"),
        (["toy/table-1", "--output", "."], "it is no reproduction"),
        (["toy/table-1", "--launcher", "cluster"], "There is no launcher 'cluster'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_before_anything_is_written(home, capfd, words, sentence):
    before = sorted(home.rglob("*"))
    assert run_guarded(app, ["reproduce", *words]) == 2
    assert sentence in capfd.readouterr().err
    assert [path for path in sorted(home.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]


def test_the_paper_scale_needs_a_recipe_and_takes_its_settings(home, here):
    mmgen.reproduce("toy", "figure-1", "paper", output="r", seeds=[0])
    config = mmgen.load_run("r/whole/mixture/beta-1/seed-0").config
    assert (config["recipe"], config["training"]["batch_size"], config["training"]["epochs"]) == (
        "elbo-table-paper",
        8,
        2,
    )
    (home / "toy_papers" / "recipes" / "elbo-table-paper.yaml").unlink()
    with pytest.raises(MmgenError, match="Mixture has no recipe elbo-table-paper"):
        mmgen.reproduce("toy", "figure-1", "paper", output="s")
