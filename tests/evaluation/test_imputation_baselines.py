"""Baselines of the metric imputation are what scikit-learn gives on the same matrices, and scores what loops give."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge, RidgeCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import mmgen
from mmgen.evaluation.imputation_baselines import (
    ALPHAS,
    HIDDEN,
    NEIGHBOURS,
    STRENGTHS,
    Baselines,
    Side,
    from_others,
    precision,
)
from mmgen.evaluation.imputation_columns import Cells, Columns
from mmgen.evaluation.imputation_scores import Scores

NAMES = ("mean", "ridge", "knn", "iterative")
pytestmark = pytest.mark.usefixtures("as_long_as_usual")


def columns(name, supports, values, measured=None):
    """Columns of some training values."""
    measured = np.isfinite(values) if measured is None else measured
    with np.errstate(invalid="ignore"):
        mean = np.nanmean(np.where(measured, values, np.nan), 0)
        scale = np.nanstd(np.where(measured, values, np.nan), 0)
    coded = [i for i, support in enumerate(supports) if support == "categories"]
    classes = []
    for i in coded:
        found, counts = np.unique(values[measured[:, i], i], return_counts=True)
        classes.append(found[np.argsort(-counts, kind="stable")])
    numbers = np.array([i for i, support in enumerate(supports) if support in ("real", "counts")], dtype=int)
    names = tuple(f"{name}{i}" for i in range(len(supports)))
    return Columns(name, names, tuple(supports), mean, scale, tuple(classes), numbers)


def linear(rows, seed, noise=0.7):
    """Two modalities of numbers, and one of an answer and a category, from two factors."""
    random = np.random.default_rng(seed)
    maps = np.random.default_rng(0).normal(size=(2, 9))
    z = random.normal(size=(rows, 2))
    x = z @ maps + noise * random.normal(size=(rows, 9))
    answers = np.stack([x[:, 7] > 0, np.digitize(x[:, 8], [-0.5, 0.5])], 1).astype(float)
    return {"a": x[:, :4], "b": x[:, 4:7], "c": answers}


KINDS = {"a": ("real",) * 4, "b": ("real",) * 3, "c": ("binary", "categories")}


def side(values, missing=None):
    cells = {name: Cells(each, np.ones(each.shape, dtype=bool)) for name, each in values.items()}
    if missing is not None:
        cells = {name: Cells(each.values, missing[name]) for name, each in cells.items()}
    return Side(cells, np.zeros((len(next(iter(values.values()))), 0)))


@pytest.fixture(scope="module")
def baselines():
    train, val, rows = linear(150, 1), linear(60, 2), linear(80, 3)
    made = {name: columns(name, KINDS[name], values) for name, values in train.items()}
    return train, val, rows, Baselines(made, side(train), side(val), NAMES, 3, 0)


def test_ridge_is_ridgecv_of_standardised_inputs(baselines):
    train, _, rows, fitted = baselines
    scaler = StandardScaler().fit(train["a"])
    found = fitted.from_others(["a"], "b", side(rows))["ridge"]
    for column in range(3):
        model = RidgeCV(ALPHAS).fit(scaler.transform(train["a"]), train["b"][:, column])
        assert found[:, column] == pytest.approx(model.predict(scaler.transform(rows["a"])), abs=1e-8)


def test_ridge_fits_each_column_to_the_rows_that_have_it():
    train, rows = linear(150, 1), linear(80, 3)
    there = {name: np.ones(values.shape, dtype=bool) for name, values in train.items()}
    there["b"][:50, 1] = False
    made = {name: columns(name, KINDS[name], values, there[name]) for name, values in train.items()}
    found = Baselines(made, side(train, there), None, NAMES, 3, 0).from_others(["a"], "b", side(rows))["ridge"]
    scaler = StandardScaler().fit(train["a"])
    model = RidgeCV(ALPHAS).fit(scaler.transform(train["a"])[50:], train["b"][50:, 1])
    assert found[:, 1] == pytest.approx(model.predict(scaler.transform(rows["a"])), abs=1e-8)


def test_neighbours_are_those_of_scikit_learn_as_many_as_validation_rows_want(baselines):
    train, val, rows, fitted = baselines
    x, y = StandardScaler().fit(train["a"]), StandardScaler().fit(train["b"])
    models = {k: KNeighborsRegressor(k).fit(x.transform(train["a"]), train["b"]) for k in NEIGHBOURS}
    errors = {
        k: np.square(y.transform(model.predict(x.transform(val["a"]))) - y.transform(val["b"])).mean()
        for k, model in models.items()
    }
    best = models[min(errors, key=errors.get)]
    assert fitted.from_others(["a"], "b", side(rows))["knn"] == pytest.approx(best.predict(x.transform(rows["a"])))


def test_answers_and_categories_are_regressed_on_logistically(baselines):
    train, val, rows, fitted = baselines
    scale = StandardScaler().fit(train["a"]).transform
    found = fitted.from_others(["a"], "c", side(rows))["ridge"]
    for column in range(2):
        models = [
            LogisticRegression(C=c, max_iter=300).fit(scale(train["a"]), train["c"][:, column]) for c in STRENGTHS
        ]
        scores = []
        for model in models:
            p = model.predict_proba(scale(val["a"]))
            scores.append(sum(math.log(p[i, int(code)]) for i, code in enumerate(val["c"][:, column])))
        best = models[int(np.argmax(scores))]
        if column == 0:
            assert found[:, 0] == pytest.approx(best.predict_proba(scale(rows["a"]))[:, 1], abs=1e-6)
        else:
            assert (found[:, 1] == best.predict(scale(rows["a"]))).mean() > 0.98


def test_categories_are_inputs_one_hot_and_counts_as_logarithms():
    random = np.random.default_rng(0)
    counts, codes = random.poisson(5.0, (60, 1)).astype(float), random.integers(0, 3, (60, 1)).astype(float)
    y = np.log1p(counts) + codes * codes + 0.1 * random.normal(size=(60, 1))
    train = {"n": counts, "k": codes, "y": y}
    kinds = {"n": ("counts",), "k": ("categories",), "y": ("real",)}
    made = {name: columns(name, kinds[name], values) for name, values in train.items()}
    found = Baselines(made, side(train), None, ("ridge",), 1, 0).from_others(["n", "k"], "y", side(train))["ridge"]
    inputs = np.concatenate([np.log1p(counts), codes == made["k"].classes[0]], 1)
    scaled = StandardScaler().fit_transform(inputs)
    assert found[:, 0] == pytest.approx(RidgeCV(ALPHAS).fit(scaled, y[:, 0]).predict(scaled), abs=1e-8)


def test_many_inputs_are_principal_components(monkeypatch):
    monkeypatch.setattr("mmgen.evaluation.imputation_baselines.WIDE", 3)
    monkeypatch.setattr("mmgen.evaluation.imputation_baselines.COMPONENTS", 2)
    train, rows = linear(150, 1), linear(80, 3)
    made = {name: columns(name, KINDS[name], values) for name, values in train.items()}
    found = Baselines(made, side(train), None, ("ridge",), 1, 0).from_others(["a"], "b", side(rows))["ridge"]
    scaler = StandardScaler().fit(train["a"])
    components = PCA(2, svd_solver="randomized", random_state=0).fit(scaler.transform(train["a"]))
    x, x_rows = (components.transform(scaler.transform(each["a"])) for each in (train, rows))
    assert found[:, 1] == pytest.approx(RidgeCV(ALPHAS).fit(x, train["b"][:, 1]).predict(x_rows), abs=1e-8)


@pytest.mark.parametrize("alpha", [0.1, 100.0])
def test_one_matrix_holds_the_ridge_regression_of_every_column_on_all_others(alpha):
    random = np.random.default_rng(0)
    z = random.normal(size=(40, 3)) @ random.normal(size=(3, 7)) + random.normal(size=(40, 7))
    z = (z - z.mean(0)) / z.std(0)
    blocks = [np.array([0]), np.array([1, 2, 3]), np.array([4]), np.array([5]), np.array([6])]
    found = from_others(z[:9], precision(z, alpha, blocks), blocks)
    for block in blocks:
        others = [i for i in range(7) if i not in block]
        model = Ridge(alpha=alpha).fit(z[:, others], z[:, block])
        assert found[:, block] == pytest.approx(model.predict(z[:9, others]).reshape(9, len(block)), abs=1e-8)


def held_out(rows):
    """The same rows without some cells."""
    random = np.random.default_rng(5)
    there = {name: random.random(values.shape) > 0.1 for name, values in rows.items()}
    return side(rows, there), {name: ~each for name, each in there.items()}


def whole(values, there):
    """Numbers and answers as they are, then categories one-hot, NaN where they are not there."""
    kept = {name: np.where(there[name], each, np.nan) for name, each in values.items()}
    codes = kept["c"][:, 1]
    shown = np.where(np.isfinite(codes)[:, None], codes[:, None] == np.arange(3), np.nan)
    return np.concatenate([kept["a"], kept["b"], kept["c"][:, :1], shown], 1)


def test_withheld_cells_are_imputed_as_scikit_learn_does(baselines):
    train, _, rows, fitted = baselines
    less, lost = held_out(rows)
    order = [*range(8), *(8 + int(code) for code in fitted.columns["c"].classes[0])]
    every = {name: np.ones(values.shape, dtype=bool) for name, values in train.items()}
    z, held = whole(train, every)[:, order], whole(rows, {name: ~each for name, each in lost.items()})[:, order]
    scaler = StandardScaler().fit(z)
    found = fitted.from_cells(less)
    guesses = [
        scaler.inverse_transform(KNNImputer(n_neighbors=k).fit(scaler.transform(z)).transform(scaler.transform(held)))
        for k in NEIGHBOURS
    ]
    assert any(found["b"]["knn"][lost["b"]] == pytest.approx(guess[:, 4:7][lost["b"]]) for guess in guesses)
    assert found["a"]["mean"] == pytest.approx(np.tile(train["a"].mean(0), (80, 1)))
    learned = scaler.transform(z)
    learned[np.random.default_rng(0).random(learned.shape) < HIDDEN] = np.nan
    imputer = IterativeImputer(BayesianRidge(), max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        guess = scaler.inverse_transform(imputer.fit(learned).transform(scaler.transform(held)))
    iterated = fitted.iterated(less)
    assert iterated["b"][lost["b"]] == pytest.approx(guess[:, 4:7][lost["b"]], abs=1e-6)
    for name in ("a", "b"):
        for values in (found[name]["ridge"], iterated[name]):
            error = np.square(values - rows[name])[lost[name]].mean()
            assert error < 0.6 * np.square(found[name]["mean"] - rows[name])[lost[name]].mean()


def test_ridge_of_withheld_cells_does_not_shrink_where_training_cells_are_missing():
    """Filled with means alone, a third of missing cells would cost a third of every slope."""
    train, rows = linear(600, 1, noise=0.2), linear(200, 3, noise=0.2)
    random = np.random.default_rng(0)
    there = {name: random.random(values.shape) > 0.3 for name, values in train.items()}
    less, lost = held_out(rows)
    errors = []
    for seen in (None, there):
        masks = there if seen is not None else {name: np.ones(each.shape, dtype=bool) for name, each in train.items()}
        made = {name: columns(name, KINDS[name], values, masks[name]) for name, values in train.items()}
        found = Baselines(made, side(train, masks), None, ("ridge",), 1, 0).from_cells(less)
        errors.append(np.square(found["a"]["ridge"] - rows["a"])[lost["a"]].mean())
    assert errors[1] < 1.3 * errors[0]


def log_normal(rows, seed):
    """Two modalities whose logarithms are linear in each other."""
    random = np.random.default_rng(seed)
    maps = np.random.default_rng(0).normal(size=(2, 7))
    logs = 3 + random.normal(size=(rows, 2)) @ maps + 0.3 * random.normal(size=(rows, 7))
    return {"a": np.expm1(np.maximum(logs[:, :4], 0)), "b": np.expm1(np.maximum(logs[:, 4:], 0))}


def curved(values):
    """Columns of modalities that the networks see as log(1 + x)."""
    made = {}
    for name, each in values.items():
        modality = mmgen.VectorModality(shape=(each.shape[1],), transform="log1p")
        transform = modality.make_transform()
        transform.fit(torch.from_numpy(each).float())
        made[name] = Columns.of(name, modality, Cells(each, np.ones(each.shape, dtype=bool)), transform)
    return made


def test_baselines_see_and_predict_what_a_transform_makes_of_values():
    """Ridge regression of standardised logarithms; back comes the mean of a log-normal with the residuals' scatter."""
    train, rows = log_normal(200, 1), log_normal(80, 2)
    fitted = Baselines(curved(train), side(train), None, NAMES, 3, 0)
    found = fitted.from_others(["a"], "b", side(rows))
    scaler, target = StandardScaler().fit(np.log1p(train["a"])), np.log1p(train["b"])
    model = RidgeCV(ALPHAS, alpha_per_target=True).fit(scaler.transform(np.log1p(train["a"])), target)
    scatter = (target - model.predict(scaler.transform(np.log1p(train["a"])))).std(0)
    expected = np.exp(model.predict(scaler.transform(np.log1p(rows["a"]))) + scatter**2 / 2) - 1
    inner = expected > 3  # where the limits of the way back say nothing
    assert found["ridge"][inner] == pytest.approx(expected[inner], rel=0.05)
    straight = {name: columns(name, ("real",) * values.shape[1], values) for name, values in train.items()}
    errors = {}
    less, lost = held_out(rows)
    for name, made in (("raw", Baselines(straight, side(train), None, NAMES, 3, 0)), ("curved", fitted)):
        guesses = {**made.from_cells(less)["b"], "iterative": made.iterated(less)["b"]}
        errors[name] = {
            each: np.square(np.log1p(np.maximum(guess, 0)) - np.log1p(rows["b"]))[lost["b"]].mean()
            for each, guess in guesses.items()
        }
        errors[name]["others"] = np.square(made.from_others(["a"], "b", side(rows))["ridge"] - rows["b"]).mean()
    assert all(errors["curved"][each] < errors["raw"][each] for each in ("ridge", "iterative", "others")), errors


# Scores ---------------------------------------------------------------------------------------------------------------


def pairwise_auc(scores, answers):
    """How often a yes has more than a no, ties as a half."""
    wins = total = 0.0
    for one, yes in zip(scores, answers, strict=True):
        for other, no in zip(scores, answers, strict=True):
            if yes and not no:
                total += 1
                wins += 1.0 if one > other else 0.5 if one == other else 0.0
    return wins / total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_scores_are_those_of_plain_loops(seed):
    random = np.random.default_rng(seed)
    supports = ("real", "counts", "binary", "categories", "binary")
    train = np.stack([random.normal(size=30), random.poisson(3, 30), *(random.integers(0, 2, 30) for _ in range(3))], 1)
    truth = np.stack([random.normal(size=12), random.poisson(3, 12), *(random.integers(0, 2, 12) for _ in range(3))], 1)
    guess = truth + random.normal(size=truth.shape)
    guess[:, 3] = random.integers(0, 2, 12)
    seen = random.random(truth.shape) > 0.2
    made = columns("x", supports, train.astype(float))
    found = Scores.of(made, Cells(np.where(seen, truth, np.nan), seen), guess).together()
    error = floor = count = 0.0
    for column in (0, 1):
        mean = sum(train[:, column]) / 30
        variance = sum((each - mean) ** 2 for each in train[:, column]) / 30
        for row in range(12):
            if seen[row, column]:
                error += (truth[row, column] - guess[row, column]) ** 2 / variance
                floor += (truth[row, column] - mean) ** 2 / variance
                count += 1
    assert found["r2"] == pytest.approx(1 - error / floor)
    assert found["rmse"] == pytest.approx(math.sqrt(error / count))
    skills = [found["r2"]] * 2
    areas = []
    for column in (2, 4):
        known = seen[:, column]
        if 0 < truth[known, column].sum() < known.sum():
            areas.append(pairwise_auc(guess[known, column], truth[known, column] > 0))
    if areas:
        assert found["auc"] == pytest.approx(sum(areas) / len(areas))
        skills += [2 * found["auc"] - 1] * len(areas)
    usual = 0 if sum(train[:, 3] == 0) >= sum(train[:, 3] == 1) else 1
    rows = [row for row in range(12) if seen[row, 3]]
    right, floor = (sum(truth[r, 3] == other[r] for r in rows) / len(rows) for other in (guess[:, 3], [usual] * 12))
    assert found["accuracy"] == pytest.approx(right)
    if floor < 1:
        skills.append((right - floor) / (1 - floor))
    assert found["skill"] == pytest.approx(sum(skills) / len(skills))
