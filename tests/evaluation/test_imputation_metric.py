"""The metric imputation against a world in which every prediction is known, and what it must not see."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import mmgen
from mmgen import Data, Evaluation, Provenance, Table
from mmgen.errors import MmgenError
from mmgen.evaluation.imputation import COVERAGE, Imputation, ImputationConfig, _width
from mmgen.evaluation.imputation_columns import Cells, Columns
from mmgen.evaluation.imputation_draws import LEVELS, Draws, Target, hidden_cells
from mmgen.evaluation.imputation_trial import OTHER_CELLS, Trial
from mmgen.runs.imputation import impute
from mmgen.testing import LinearGaussianWorld, make_model, matching_rows, row_value, toy_data, toy_run, world_model
from mmgen.testing.toys import ToyDataset, world_table

pytestmark = pytest.mark.usefixtures("as_long_as_usual")

NORMAL = {0.5: 0.6744897501960817, 0.9: 1.6448536269514722, 0.95: 1.959963984540054}


def data_of(model, train, test, val=None):
    val = test if val is None else val
    return Data(
        "world", ToyDataset(), model.modalities, train, val, test, {}, Provenance("simulated", "A world."), "world"
    )


@pytest.fixture(scope="module")
def world_rows():
    """A world, its test rows, its training rows, and what the metric finds with the true posterior."""
    world = LinearGaussianWorld((3, 4, 2), 2, orthogonal=True)
    model = world_model(world, "elbo", aggregator="poe")
    train, test = world.sample(200)[1], world.sample(400)[1]
    data = data_of(model, world_table(train), world_table(test))
    metric = Imputation(ImputationConfig(draws=1500, columns=None))
    return world, train, test, metric.compute(Evaluation(model, data))


def known_predictions(world, test, given, target):
    """Mean and variance of every x_t given x_S, ``[N, d]``: N(W μ + b, W Σ Wᵀ + s²), cell by cell."""
    mean, covariance = world.posterior(test, given)
    means, variances = np.zeros((400, world.dims[target])), np.zeros((400, world.dims[target]))
    w, b, s = world.loadings[target].numpy(), world.offsets[target].numpy(), float(world.scales[target])
    for row in range(400):
        for cell in range(world.dims[target]):
            variance = s**2
            location = b[cell]
            for i in range(2):
                location += w[cell, i] * float(mean[row, i])
                for j in range(2):
                    variance += w[cell, i] * float(covariance[row, i, j]) * w[cell, j]
            means[row, cell], variances[row, cell] = location, variance
    return means, variances


@pytest.mark.parametrize(("given", "target"), [((1, 2), 0), ((0,), 1), ((0, 1), 2), ((1,), 2)])
def test_numbers_are_those_of_the_known_predictive_distribution(world_rows, given, target):
    world, train, test, rows = world_rows
    means, variances = known_predictions(world, test, given, target)
    x, learned = test[target].numpy(), train[target].numpy()
    error = floor = log_score = 0.0
    inside = dict.fromkeys(LEVELS, 0)
    cells = 400 * world.dims[target]
    for cell in range(world.dims[target]):
        usual = sum(learned[row, cell] for row in range(200)) / 200
        spread = math.sqrt(sum((learned[row, cell] - usual) ** 2 for row in range(200)) / 200)
        for row in range(400):
            difference, variance = x[row, cell] - means[row, cell], variances[row, cell]
            error += (difference / spread) ** 2
            floor += ((x[row, cell] - usual) / spread) ** 2
            log_score += -0.5 * (math.log(2 * math.pi * variance) + difference**2 / variance) + math.log(spread)
            for level in LEVELS:
                inside[level] += abs(difference) <= NORMAL[level] * math.sqrt(variance)
    pair = {"given": "+".join(f"m{m}" for m in given), "target": f"m{target}", "label": ""}
    assert row_value(rows, measure="r2", **pair) == pytest.approx(1 - error / floor, abs=0.004)
    assert row_value(rows, measure="skill", **pair) == pytest.approx(row_value(rows, measure="r2", **pair), rel=1e-12)
    assert row_value(rows, measure="rmse", **pair) == pytest.approx(math.sqrt(error / cells), abs=0.004)
    assert row_value(rows, measure="log_score", **pair) == pytest.approx(log_score / cells, abs=0.01)
    for level, measure in zip(LEVELS, COVERAGE, strict=True):
        assert row_value(rows, measure=measure, **pair) == pytest.approx(inside[level] / cells, abs=0.02)
        assert row_value(rows, measure=measure, **pair) == pytest.approx(level, abs=4 / math.sqrt(cells))


def test_ridge_finds_the_same_where_everything_is_linear(world_rows):
    _, _, _, rows = world_rows
    ours, theirs = (row_value(rows, measure=measure, given="") for measure in ("score", "score_ridge"))
    assert ours == pytest.approx(theirs, abs=0.03)
    assert ours > row_value(rows, measure="score_knn", given="")


def test_the_score_is_the_mean_over_targets_given_all_others(world_rows):
    _, _, _, rows = world_rows
    pairs = {"m0": "m1+m2", "m1": "m0+m2", "m2": "m0+m1"}
    for ending in ("", "_mean", "_ridge", "_knn", "_iterative"):
        skills = [
            row_value(rows, measure=f"skill{ending}", given=given, target=target, label="")
            for target, given in pairs.items()
        ]
        (overall,) = matching_rows(rows, measure=f"score{ending}")
        assert overall["value"] == pytest.approx(np.mean(skills))
        assert (overall["given"], overall["target"], overall["n"]) == ("", "mean", 400)


def test_columns_have_rows_by_name_and_ridge_wins_counts_them(world_rows):
    world, _, _, rows = world_rows
    for target, given in ((0, "m1+m2"), (1, "m0+m2")):
        pair = {"given": given, "target": f"m{target}"}
        names = [f"m{target}_{i}" for i in range(world.dims[target])]
        ours = [row_value(rows, measure="r2", label=name, **pair) for name in names]
        theirs = [row_value(rows, measure="skill_ridge", label=name, **pair) for name in names]
        shown = [row["label"] for row in matching_rows(rows, measure="r2", **pair) if row["label"]]
        assert shown == [name for _, name in sorted(zip(ours, names, strict=True))], "the worst first"
        wins = np.mean([their > our for our, their in zip(ours, theirs, strict=True)])
        assert row_value(rows, measure="ridge_wins", label="", **pair) == pytest.approx(wins)


# What is given --------------------------------------------------------------------------------------------------------


def pairs_in(rows):
    """What is given and what is predicted, of rows about one pair."""
    return {(row["given"], row["target"]) for row in matching_rows(rows, measure="skill", label="")} - {
        (row["given"], row["target"]) for row in rows if " of " in row["given"] or row["target"] == "mean"
    }


def computed(data, model="elbo", seed=0, **options):
    options = {"draws": 40, "baselines": ("ridge",), **options}
    model = make_model(model, data).float() if isinstance(model, str) else model
    return Imputation(ImputationConfig(**options)).compute(Evaluation(model, data, seed=seed))


@pytest.mark.parametrize(
    ("subsets", "sizes"), [("all-but-one", {2}), ("singles", {1}), ("both", {1, 2}), ("all", {1, 2}), (None, {1, 2})]
)
def test_subsets_are_what_the_option_says(subsets, sizes):
    rows = computed(toy_data(), subsets=subsets, cells=0)
    names = ("vector", "counts", "tags")
    expected = set()
    for target in names:
        others = [name for name in names if name != target]
        expected |= {("+".join(others), target)} if 2 in sizes else set()
        expected |= {(name, target) for name in others} if 1 in sizes else set()
    assert pairs_in(rows) == expected


def test_of_many_modalities_all_but_one_are_given():
    kinds = ("vector", "counts", "tags", "labels", "text", "image")
    assert {len(given.split("+")) for given, _ in pairs_in(computed(toy_data(kinds)))} == {5}


def test_rows_with_some_of_what_is_given_count_and_others_do_not():
    data = toy_data(missing=0.5)
    available = data.test.available
    rows = computed(data, cells=0)
    for (given, target), places in {
        (("vector", "counts"), "tags"): ((0, 1), 2),
        (("vector",), "counts"): ((0,), 1),
    }.items():
        count = 0
        for row in range(len(data.test)):
            has = any(bool(available[row, m]) for m in places[0])
            count += has and bool(available[row, places[1]])
        assert 0 < count < int(available[:, places[1]].sum())
        (found,) = matching_rows(rows, measure="rmse" if target == "counts" else "auc", given="+".join(given), label="")
        assert found["n"] == count


def test_one_modality_needs_cells():
    whole = Evaluation(make_model("elbo", toy_data(("vector",))), toy_data(("vector",)))
    assert "there is one modality" in Imputation().unavailable_reason(whole)
    data = toy_data(("vector",), cells=0.2)
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    assert Imputation().unavailable_reason(evaluation) is None
    rows = Imputation(ImputationConfig(draws=40)).compute(evaluation)
    assert {row["given"] for row in rows} == {"", OTHER_CELLS}
    assert row_value(rows, measure="score") == row_value(rows, measure="skill", target="vector", label="")


def test_what_is_left_out_is_said():
    data = toy_data(("vector", "labels"), cells=0.2)
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    (sentence,) = Imputation().omissions(evaluation)
    assert sentence == "no single cells are withheld of labels, which the encoders see whole"
    assert Imputation(ImputationConfig(cells=0)).omissions(evaluation) == []


def test_wide_data_are_not_imputed_iteratively(monkeypatch):
    monkeypatch.setattr("mmgen.evaluation.imputation_baselines.WIDE_ITERATIVE", 5)
    monkeypatch.setattr("mmgen.evaluation.imputation.WIDE_ITERATIVE", 5)
    data = toy_data(("vector", "counts"))
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    assert "iterative imputation is for up to 5 columns, and there are 9" in Imputation().omissions(evaluation)
    rows = Imputation(ImputationConfig(draws=40)).compute(evaluation)
    assert not [row for row in rows if row["measure"].endswith("_iterative")]
    assert matching_rows(rows, measure="score_knn")


def test_large_pictures_are_compared_with_the_mean_alone(monkeypatch):
    for module in ("imputation_baselines", "imputation"):
        monkeypatch.setattr(f"mmgen.evaluation.{module}.WIDE_PICTURE", 20)
    data = toy_data(("vector", "image"))
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    sentences = Imputation(ImputationConfig(cells=0)).omissions(evaluation)
    assert any(each.startswith("the only baseline of image is the mean") for each in sentences)
    rows = Imputation(ImputationConfig(cells=0, draws=40)).compute(evaluation)
    shown = {row["measure"] for row in matching_rows(rows, measure="r2_mean") + matching_rows(rows, measure="r2_ridge")}
    assert shown == {"r2_mean", "r2_ridge"}
    assert not matching_rows(rows, measure="r2_ridge", target="image")
    (mean,) = matching_rows(rows, measure="score_ridge")
    assert mean["note"] == "of vector alone"


def test_without_training_rows_the_rows_themselves_are_the_floor():
    data = toy_data()
    bare = replace(data, train=data.train.select(torch.zeros(0, dtype=torch.int64)))
    model = make_model("elbo", data).float()
    rows = computed(bare, model)
    (overall,) = matching_rows(rows, measure="score")
    assert "no training row has it" in overall["note"]
    assert not [row for row in rows if row["measure"].endswith("_ridge")]


def test_a_skill_below_that_of_a_baseline_says_so():
    (untrained,) = matching_rows(computed(toy_data()), measure="score")
    assert untrained["note"].startswith("ridge has 0.")


def test_impossible_values_have_no_log_score_and_are_named(monkeypatch):
    data = toy_data(("vector", "tags"))
    model = make_model("elbo", data).float()
    found = type(model.likelihoods[0]).pointwise

    def impossible(likelihood, parameters, x):
        log_p = found(likelihood, parameters, x)
        log_p[..., 2] = -math.inf
        return log_p

    monkeypatch.setattr(type(model.likelihoods[0]), "pointwise", impossible)
    (overall, *_) = matching_rows(computed(data, model, cells=0), measure="log_score", target="vector")
    assert math.isfinite(overall["value"])
    assert overall["note"] == "without vector_2, where the model thinks a value impossible"


def test_the_headline_is_short():
    rows = computed(toy_data(cells=0.2), baselines=("mean", "ridge", "knn", "iterative"))
    shown = [row for row in rows if Imputation.in_headline(row["measure"], row["given"], row["target"])]
    scores = {"score", "score_ridge", "score_knn", "score_iterative"}
    assert {row["measure"] for row in shown} == {"skill", "coverage_90", *scores}
    assert len(shown) == 4 + 3 * (3 + 1) + 3 * (2 + 1), "scores; skill by what is given; coverage of two"


@pytest.mark.parametrize(
    ("share", "rows", "said"),
    [
        (0.996, 74, "intervals are too wide"),
        (0.96, 74, ""),
        (0.96, 1000, "intervals are too wide"),
        (0.83, 74, ""),
        (0.75, 74, "intervals are too narrow"),
        (0.85, 5000, "intervals are too narrow"),
        (0.9, 10**9, ""),
    ],
)
def test_intervals_that_hold_too_much_or_too_little_are_named(share, rows, said):
    assert _width(share, rows) == said


def test_a_target_says_what_its_intervals_hold():
    rows = computed(toy_data(cells=0.2))
    for target in ("vector", "counts"):
        own = [row for row in rows if row["measure"] == "coverage_90" and row["target"] == target]
        of_size = next(row for row in own if row["given"] == "2 of 3")
        single = next(row for row in own if row["given"].count("+") == 1)
        assert of_size["value"] == single["value"] and of_size["n"] == single["n"]


def test_fewer_draws_than_an_interval_needs_are_refused():
    with pytest.raises(ValueError, match="39"):
        ImputationConfig(draws=38)


def test_the_unit_of_a_column_means_nothing():
    """Everything is in standard deviations of the training rows, log-densities too."""
    data = toy_data()

    def scaled(table):
        return replace(table, data={**table.data, "vector": table.data["vector"] * 1024})

    large = replace(data, train=scaled(data.train), val=scaled(data.val), test=scaled(data.test))
    one, two = (computed(each, columns=None) for each in (data, large))
    assert len(one) == len(two) > 50
    for first, second in zip(one, two, strict=True):
        assert {**first, "value": 0, "note": ""} == {**second, "value": 0, "note": ""}
        assert first["value"] == pytest.approx(second["value"], abs=1e-3, rel=1e-3)


# What must not be seen ------------------------------------------------------------------------------------------------


def predictions(evaluation, cells=None, hides=True):
    """What the model and the baselines predict, by what is given and the target; by mistake from everything."""
    names = ("mean", "ridge", "knn", "iterative")
    trial = Trial(evaluation, 100, 40, 100, names, 2)
    targets = {
        name: Target(trial.columns[name], trial.side.cells[name], trial.side.cells[name].measured.any(1))
        for name in evaluation.targets
    }
    found = {}
    if cells is None:
        pairs = {("counts", "tags"): ["vector"], ("vector",): ["counts", "tags"]}
        for (given, name), each in Draws(evaluation, trial.table, targets, 40).from_others(pairs).items():
            rows = trial._rows(each.rows)
            found[given, name, "model"] = each.guess
            found |= {(given, name, who): v for who, v in trial.baselines.from_others(given, name, rows).items()}
            found[given, name, "iterative"] = trial.baselines.iterated(rows, without=name)[name]
        return found
    table, hidden = hidden_cells(trial.table, {n: trial.side.cells[n] for n in evaluation.targets}, cells, seed=0)
    wanted = {name: Target(trial.columns[name], each, each.measured.any(1)) for name, each in hidden.items()}
    table = table if hides else trial.table
    rows = trial._side(table)
    for name, each in Draws(evaluation, table, wanted, 40).from_what_is_left().items():
        out = hidden[name].measured
        found[name, "model"] = each.guess[out[each.rows]]
        for who, values in trial.baselines.from_cells(rows)[name].items():
            found[name, who] = values[out]
        found[name, "iterative"] = trial.baselines.iterated(rows)[name][out]
    return found


def with_other_values(data, target, cells=None):
    """The same data with other values of a target in test rows; of its withheld cells alone, with a share of them."""
    values = data.test.data[target]
    changed = {"vector": values + 50, "counts": values + 7, "tags": 1 - values}[target]
    if cells is not None:
        every = {name: Cells.of(data.test, name, modality) for name, modality in data.modalities.items()}
        out = torch.from_numpy(hidden_cells(data.test, every, cells, seed=0)[1][target].measured)
        changed = torch.where(out, changed, values)
    return replace(data, test=replace(data.test, data={**data.test.data, target: changed}))


def assert_same_predictions(one, two, target):
    same = [key for key in one if key[-2] == target]
    assert len(same) == 5
    for key in same:
        assert np.array_equal(one[key], two[key]), f"the predictions of {key} depend on what is predicted"


@pytest.mark.parametrize("target", ["vector", "counts", "tags"])
@pytest.mark.parametrize("cells", [None, 0.2])
def test_nothing_looks_at_what_it_predicts(target, cells):
    data = toy_data(cells=0.2, missing=0.2)
    model = make_model("elbo", data).float()
    other = with_other_values(data, target, cells)
    assert not torch.equal(data.test.data[target], other.test.data[target])
    one, two = (predictions(Evaluation(model, each), cells) for each in (data, other))
    if cells is None and target != "vector":
        one, two = ({k: v for k, v in each.items() if target not in k[0]} for each in (one, two))
    assert_same_predictions(one, two, target)


@pytest.mark.parametrize("cells", [None, 0.2])
def test_a_model_that_sees_what_it_predicts_is_caught(monkeypatch, cells):
    """The check above would notice."""
    data = toy_data(cells=0.2, missing=0.2)
    model = make_model("elbo", data).float()
    if cells is None:
        monkeypatch.setattr(model, "mask", lambda batch, given=None: batch.available)
    other = with_other_values(data, "vector", cells)
    one, two = (predictions(Evaluation(model, each), cells, hides=False) for each in (data, other))
    with pytest.raises(AssertionError, match="depend on what is predicted"):
        assert_same_predictions(one, two, "vector")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_withheld_cells_are_observed_ones_and_one_stays(share):
    data = toy_data(rows=400, cells=0.3, missing=0.2)
    names = ("vector", "counts", "tags")
    cells = {name: Cells.of(data.test, name, data.modalities[name]) for name in names}
    table, withheld = hidden_cells(data.test, cells, share, seed=3)
    alone, again = (hidden_cells(data.test, {"counts": cells["counts"]}, share, seed=seed)[1] for seed in (3, 4))
    assert (alone["counts"].measured == withheld["counts"].measured).all(), "whatever other modalities there are"
    assert (again["counts"].measured != withheld["counts"].measured).any()
    for name in names:
        before, after = (each.observed_cells(name).numpy() for each in (data.test, table))
        assert (withheld[name].measured == (before & ~after)).all()
        assert (after.any(1) == before.any(1)).all(), "a row that has a modality still has some of it"
        if share < 0.2:
            assert withheld[name].measured.sum() / before.sum() == pytest.approx(share, abs=0.04)


def test_withheld_cells_are_what_impute_would_write():
    data = toy_data(cells=0.2, missing=0.2)
    run = toy_run(data)
    evaluation = Evaluation(run.model, data)
    trial = Trial(evaluation, 100, 2000, 100, (), 1)
    names = ("vector", "counts", "tags")
    table, hidden = hidden_cells(trial.table, {name: trial.side.cells[name] for name in names}, 0.3, seed=0)
    wanted = {name: Target(trial.columns[name], each, each.measured.any(1)) for name, each in hidden.items()}
    written = {each.name: each.values for each in impute(run.model, table, draws=2000).modalities}
    for name, found in Draws(evaluation, table, wanted, 2000).from_what_is_left().items():
        out = hidden[name].measured[found.rows]
        expected = written[name][found.rows]
        assert found.guess[out] == pytest.approx(expected[out], abs=0.1 * trial.columns[name].scale.max() + 0.02)


def test_a_number_of_a_constant_column_has_no_score():
    data = toy_data(("vector", "tags"))
    for side in (data.train, data.val, data.test):
        side.data["vector"][:, 1] = 3.0
    rows = computed(data, columns=None)
    labels = {row["label"] for row in matching_rows(rows, measure="r2", target="vector")}
    assert labels == {"", "vector_0", "vector_2", "vector_3", "vector_4"}
    assert all(math.isfinite(row["value"]) for row in rows)


def test_covariates_are_told_to_baselines_too():
    """What depends on the site alone is predicted from nothing but the site."""
    data = toy_data(("vector", "tags"), rows=200, covariates=True)

    def shifted(table: Table) -> Table:
        site = table.covariates["site"]
        noise = torch.randn(len(table), 5, generator=torch.Generator().manual_seed(len(table)))
        return replace(table, data={**table.data, "vector": 10.0 * site[:, None].clamp(min=0) + noise})

    data = replace(data, train=shifted(data.train), val=shifted(data.val), test=shifted(data.test))
    rows = computed(data, cells=0)
    assert row_value(rows, measure="r2_ridge", given="tags", target="vector", label="") > 0.8
    untold = replace(
        data, covariates={}, **{side: replace(getattr(data, side), covariates={}) for side in ("train", "val", "test")}
    )
    assert row_value(computed(untold, cells=0), measure="r2_ridge", given="tags", target="vector", label="") < 0.2


def test_the_figure_shows_every_target():
    data = toy_data(cells=0.2)
    metric = Imputation(ImputationConfig(draws=40))
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    assert metric.figures(evaluation) == {}, "nothing is imputed for a picture alone"
    metric.compute(evaluation)
    (figure,) = metric.figures(evaluation).values()
    ticks = [axes.get_xticklabels() for axes in figure.axes[::2]]
    assert [[label.get_text() for label in labels] for labels in ticks] == [["vector", "counts", "tags"]] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "model",
        "ridge",
        "nearest neighbours",
        "iterative",
    ]


def test_an_objective_that_generates_nothing_is_left_out():
    evaluation = Evaluation(make_model("elbo", toy_data()).float(), toy_data())
    evaluation.targets = []
    assert Imputation().unavailable_reason(evaluation) == "the model generates nothing"


def test_columns_are_named_as_tables_name_them():
    data = toy_data(("vector", "text", "labels"))
    for name, names in {
        "vector": [f"vector_{i}" for i in range(5)],
        "text": [f"text_{i}" for i in range(6)],
        "labels": ["labels"],
    }.items():
        cells = Cells.of(data.train, name, data.modalities[name])
        assert list(Columns.of(name, data.modalities[name], cells).names) == names


def test_an_unknown_option_is_a_sentence():
    data = toy_data()
    evaluation = Evaluation(make_model("elbo", data), data)
    with pytest.raises(MmgenError, match=r"metrics\.imputation.*subsets"):
        mmgen.evaluate(evaluation, ["imputation"], options={"imputation": {"subsets": "pairs"}})


def test_a_summary_has_it_where_it_is_what_one_asks():
    def suits(data):
        return Imputation.suits(Evaluation(make_model("elbo", data), data), [])

    labelled = toy_data()
    without = {side: replace(labelled.split(side), labels={}) for side in ("train", "val", "test")}
    assert not suits(labelled), "labels say more of complete rows without names"
    assert suits(toy_data(missing=0.3))
    assert suits(toy_data(cells=0.3))
    assert suits(replace(labelled, **without, labels={}))
