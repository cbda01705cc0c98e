"""What a paper's file can get wrong, what is listed, and what a dry run estimates."""

import json

import pytest
import torch
import yaml

from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.runs import Plan, layered
from mmgen_plugin_papers import dry_run, listing, read_paper
from mmgen_plugin_papers.estimate import _SavedTensors


def changed(home, change):
    """The toy paper's file after a change."""
    path = home / "toy_papers" / "papers" / "toy.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def put(*path_and_value):
    """A change: a value at a path of keys and numbers."""
    *path, last, value = path_and_value

    def change(content):
        for key in path:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("titel", "x"), "titel: there is no such option"),
        (put("tables", 0, "experiment", "hole"), "table-1 names the experiment 'hole'"),
        (put("tables", 1, "rows", ["sum"]), "figure-1 names the method 'sum'"),
        (put("tables", 1, "id", "table-1"), "two tables have the same id"),
        (put("tables", 0, "printed", "product", [0.7]), "product has 1 printed cells for 3 columns"),
        (put("tables", 0, "printed", "product", ["x", None, None]), "printed.product.0"),
        (put("tables", 0, "empty", ""), "`empty` does not say why"),
        (put("tables", 4, "reason", ""), "figure-3 needs an experiment, or a reason"),
        (put("tables", 1, "columns", 0, "answers", []), "needs one of answers, mean_of and reason"),
        (put("tables", 1, "columns", 0, "variant", "few"), "needs a variant exactly where the experiment has some"),
        (put("tables", 2, "columns", 0, "variant", "fewer"), "names the variant 'fewer'"),
        (put("tables", 2, "columns", 2, "mean_of", ["mean"]), "which is not a column before it"),
        (put("experiments", "whole", "methods", "older", {"name": "Older"}), "Older needs an objective, or a reason"),
        (put("tables", 0, "columns", 0, "better", "up"), "better: 'up' is not right"),
        (
            put("tables", 0, "columns", 0, "answers", 0, "mesure", "x"),
            "tables.0.columns.0.answers.0.mesure: there is no such option; there are given, label, measure, metric, "
            "plus, target, times; did you mean 'measure'?",
        ),
        (
            put("experiments", "whole", "methods", "older", "objectiv", "elbo"),
            "experiments.whole.methods.older.objectiv: there is no such option; there are desk, name, note, objective,",
        ),
        (put("tables", {"table-1": "x" * 500}), "…"),
    ],
)
def test_a_file_that_does_not_describe_a_paper_is_refused(home, change, sentence):
    changed(home, change)
    with pytest.raises(MmgenError) as error:
        read_paper("toy")
    assert sentence in str(error.value)
    assert str(error.value).startswith("paper toy")
    assert len(str(error.value)) < 250, "one sentence, without a dump of the table"


def test_a_paper_is_frozen(home):
    with pytest.raises(ValueError, match="frozen"):
        read_paper("toy").tables[0].id = "other"


def test_the_listing_has_runs_and_costs_of_both_scales(home, capfd):
    found = {entry["table"]: entry for entry in listing("toy")}
    assert list(found) == ["table-1", "figure-1", "figure-2", "table-2", "figure-3"]
    one = found["table-1"]
    assert (one["dataset"], one["methods"], one["printed"]) == ("table", ["Product", "Mixture", "Older"], 4)
    assert one["cost"]["desk"] == {"runs": 4, "minutes": 7.0}, "2 seeds · (2.5 + 1)"
    assert one["cost"]["paper"] == {"runs": 8, "minutes": None}, "one of the methods has no estimate"
    assert found["figure-2"]["cost"]["desk"]["runs"] == 4, "2 β · 2 variants"
    assert found["figure-3"]["reason"] == "It is a picture."
    assert run_guarded(app, ["reproduce", "--list", "toy"]) == 0
    out, _ = capfd.readouterr()
    assert "4 runs, 7 min" in out
    assert "It is a picture." in out
    assert "Times: a toy machine." in out
    assert run_guarded(app, ["reproduce", "--list", "toy/figure-1", "--json"]) == 0
    assert [entry["table"] for entry in json.loads(capfd.readouterr().out)] == ["figure-1"]
    assert run_guarded(app, ["reproduce", "--list", "toy/figure-9"]) == 2


def test_a_dry_run_builds_and_times_every_model_and_writes_nothing(home):
    before = sorted(home.rglob("*"))
    product, mixture = dry_run("toy", "table-1", "paper")
    assert sorted(home.rglob("*")) == before
    plan = Plan.of(
        layered(dataset="table", objective="elbo", assignments=["dataset.config=my.yaml", "model.latent_dim=3"])
    )
    assert product.parameters == sum(parameter.numel() for parameter in plan.model.parameters())
    assert mixture.parameters < product.parameters, "two latent dimensions instead of three"
    assert (product.runs, product.batch, product.timed_rows, product.problem) == (4, 8, 8, "")
    rows = len(plan.data.train)
    assert product.rows == rows, "the data are real, so the published number does not count"
    assert product.steps == 2 * -(-rows // 8)
    assert 0 < product.step_seconds < 10
    assert product.hours == pytest.approx(product.steps * product.step_seconds / 3600)
    assert product.memory > 4 * 4 * product.parameters


def test_a_dry_run_lists_what_cannot_be_built_and_goes_on(home, capfd):
    words = ["reproduce", "toy/table-1", "--dry-run", "--set", "product:aggregator.name=nothing"]
    assert run_guarded(app, words) == 1
    out, _ = capfd.readouterr()
    assert "product, 2 runs: cannot be run. There is no aggregator 'nothing'" in out
    assert "mixture, 2 runs: real data" in out
    assert "1 cannot be run." in out
    assert run_guarded(app, [*words[:3], "--json"]) == 0
    assert [one["method"] for one in json.loads(capfd.readouterr().out)] == ["product", "mixture"]


def test_variants_are_built_and_not_timed_again(home):
    few, many = dry_run("toy", "figure-2")
    assert (few.experiment, many.experiment) == ("parts, few", "parts, many")
    assert few.step_seconds == many.step_seconds
    assert few.runs == 2


def test_what_is_kept_for_the_backward_pass_counts_once_and_without_parameters():
    weight, values = torch.ones(6, 5, requires_grad=True), torch.ones(4, 6)
    saved = _SavedTensors({weight.untyped_storage().data_ptr()})
    with saved.counting():
        hidden = values @ weight  # keeps values (4·6), and the weight, which is known
        (hidden.exp() * values[:, :1]).sum()  # keeps the exponential (4·5) once for both, and values again
    assert saved.size == 4 * (4 * 6 + 4 * 5)
