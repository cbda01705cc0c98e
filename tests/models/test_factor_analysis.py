"""Factor analysis with missing cells, against scikit-learn's and against densities that are written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis

from mmgen.models.factor_analysis import Factors, Rows, choose, first_guess, fit, unexplained


def world(rows: int = 300, columns: int = 8, factors: int = 2, seed: int = 0) -> tuple[np.ndarray, Factors]:
    random = np.random.default_rng(seed)
    truth = Factors(
        random.normal(size=(columns, factors)), random.normal(size=columns), random.uniform(0.2, 1.0, size=columns)
    )
    z = random.normal(size=(rows, factors))
    noise = random.normal(size=(rows, columns)) * np.sqrt(truth.uniqueness)
    return truth.mean + z @ truth.loadings.T + noise, truth


def unbounded(columns: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(columns, 1e-8), np.full(columns, np.inf)


def literal_log_likelihood(model: Factors, values: np.ndarray, observed: np.ndarray) -> float:
    """Σ_n log N(x_O; μ_O, W_O W_Oᵀ + Ψ_O), row by row."""
    total = 0.0
    covariance = model.loadings @ model.loadings.T + np.diag(model.uniqueness)
    for x, there in zip(values, observed, strict=True):
        if there.any():
            total += multivariate_normal.logpdf(x[there], model.mean[there], covariance[np.ix_(there, there)])
    return total


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_likelihood_is_that_of_the_marginal_normal_distribution(share: float) -> None:
    values, truth = world(rows=20)
    observed = np.random.default_rng(1).random(values.shape) >= share
    found = truth.log_likelihood(Rows.of_cells(np.where(observed, values, np.nan), observed)).sum()
    np.testing.assert_allclose(found, literal_log_likelihood(truth, values, observed), rtol=1e-10)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_every_iteration_raises_the_likelihood(share: float) -> None:
    values, _ = world()
    rows = Rows.of_cells(values, np.random.default_rng(1).random(values.shape) >= share)
    low, high = unbounded(8)
    model, before = first_guess(rows, 2, low, high), -np.inf
    for _ in range(60):
        now = model.log_likelihood(rows).sum()
        assert now >= before - 1e-8
        before, model = now, fit(rows, 2, low, high, start=model, iterations=1)


def test_complete_data_give_the_likelihood_of_scikit_learn() -> None:
    values, _ = world()
    rows = Rows.of_cells(values, np.ones_like(values, dtype=bool))
    own = fit(rows, 2, *unbounded(8), iterations=5000, gain=1e-14)
    theirs = FactorAnalysis(2, max_iter=20_000, tol=1e-12, svd_method="lapack").fit(values)
    np.testing.assert_allclose(own.log_likelihood(rows).mean(), theirs.score(values), rtol=1e-8)
    covariance = own.loadings @ own.loadings.T + np.diag(own.uniqueness)
    np.testing.assert_allclose(covariance, theirs.get_covariance(), atol=1e-4)


def test_missing_cells_end_where_the_likelihood_has_no_slope() -> None:
    values, _ = world(rows=40, columns=4, factors=1)
    observed = np.random.default_rng(2).random(values.shape) > 0.25
    rows = Rows.of_cells(values, observed)
    model = fit(rows, 1, *unbounded(4), iterations=20_000, gain=0.0)

    def at(flat: np.ndarray) -> float:
        return literal_log_likelihood(Factors(flat[:4, None], flat[4:8], np.exp(flat[8:])), values, observed)

    point = np.concatenate([model.loadings[:, 0], model.mean, np.log(model.uniqueness)])
    slopes = [(at(point + step) - at(point - step)) / 2e-5 for step in 1e-5 * np.eye(12)]
    np.testing.assert_allclose(slopes, 0, atol=1e-3)


def test_bounds_of_the_uniqueness_hold() -> None:
    values, _ = world()
    rows = Rows.of_cells(values, np.ones_like(values, dtype=bool))
    low, high = np.full(8, 0.5), np.full(8, 0.6)
    model = fit(rows, 2, low, high)
    assert (model.uniqueness >= low).all() and (model.uniqueness <= high).all()


def test_number_of_factors_is_chosen_by_cross_validation() -> None:
    """By hand: every fifth of all rows is held out in turn; the model is that of the training rows alone."""
    values, _ = world(rows=200, factors=3)
    everything = np.ones_like(values, dtype=bool)
    groups = [slice(0, 4), slice(4, 8)]
    train = Rows.of_cells(values[:150], everything[:150])
    found = choose(train, Rows.of_cells(values[150:], everything[150:]), 6, *unbounded(8), groups=groups)
    variance, scores = values[:150].var(0), {}
    for count in (1, 2, 3, 4, 6):
        errors = []
        for place in range(5):
            apart = [n for n in range(200) if n % 5 == place]
            others = [n for n in range(200) if n % 5 != place]
            model = fit(Rows.of_cells(values[others], everything[others]), count, *unbounded(8))
            held_out = Rows.of_cells(values[apart], everything[apart])
            errors.append(unexplained(model, held_out, groups, variance))
        scores[count] = -sum(errors) / 5
    assert found.model.count == max(scores, key=lambda count: scores[count]) > 1
    assert found.score == pytest.approx(max(scores.values()), rel=1e-6)
    assert found.score > found.without
    alone = fit(train, found.model.count, *unbounded(8))
    covariances = [each.loadings @ each.loadings.T for each in (alone, found.model)]
    np.testing.assert_allclose(*covariances, atol=1e-3)
    precision = found.model.loadings.T @ (found.model.loadings / found.model.uniqueness[:, None])
    np.testing.assert_allclose(precision, np.diag(np.diagonal(precision)), atol=1e-8 * precision.max())
    assert (np.diff(np.diagonal(precision)) <= 0).all()


def test_rows_that_belong_together_are_held_out_together() -> None:
    """By hand, of three rows each, scattered: the groups of the first, the sixth, … row that is of none before it."""
    values, _ = world(rows=60, columns=6, factors=2)
    belong = np.random.default_rng(1).permutation(np.repeat(np.arange(100, 120), 3))
    everything = np.ones_like(values, dtype=bool)
    train, further = (Rows.of_cells(values[rows], everything[rows]) for rows in (slice(0, 45), slice(45, 60)))
    found = choose(train, further, 1, *unbounded(6), belong=belong)
    seen: list[int] = []
    for group in belong.tolist():
        seen += [] if group in seen else [group]
    scores = []
    for place in range(5):
        held_out = [n for n in range(60) if seen.index(belong[n]) % 5 == place]
        others = [n for n in range(60) if n not in held_out]
        assert not {*belong[held_out].tolist()} & {*belong[others].tolist()}
        model = fit(Rows.of_cells(values[others], everything[others]), 1, *unbounded(6))
        apart = Rows.of_cells(values[held_out], everything[held_out])
        scores.append(float(model.log_likelihood(apart).sum()) / apart.counts.sum())
    assert found.model.count == 1
    assert found.score == pytest.approx(sum(scores) / 5, rel=1e-9)


def test_fewer_rows_than_columns_and_a_constant_column() -> None:
    values, _ = world(rows=40, columns=141, factors=2)
    values[:, 3] = 1.0
    observed = np.ones_like(values, dtype=bool)
    observed[:, 5] = False
    learned, held_out = Rows.of_cells(values[:30], observed[:30]), Rows.of_cells(values[30:], observed[30:])
    found = choose(learned, held_out, 16, *unbounded(141))
    assert 1 <= found.model.count <= 16
    assert np.isfinite(found.model.loadings).all() and (found.model.uniqueness > 0).all()
    assert np.abs(found.model.loadings[5]).max() == 0
    assert found.score > found.without


def test_independent_columns_have_no_factors() -> None:
    values = np.random.default_rng(0).normal(size=(160, 30))
    everything = np.ones_like(values, dtype=bool)
    found = choose(
        Rows.of_cells(values[:80], everything[:80]), Rows.of_cells(values[80:], everything[80:]), 3, *unbounded(30)
    )
    assert found.model.count == 0 and found.score == found.without


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_what_other_groups_leave_unexplained_is_that_of_the_conditional_normal_distribution(share: float) -> None:
    values, truth = world(rows=30)
    observed = np.random.default_rng(1).random(values.shape) >= share
    groups, variance = [slice(0, 3), slice(3, 8)], np.linspace(1.0, 2.0, 8)
    covariance = truth.loadings @ truth.loadings.T + np.diag(truth.uniqueness)
    expected = []
    for group in groups:
        mine, errors = range(8)[group], []
        for x, there in zip(values, observed, strict=True):
            known = [i for i in range(8) if there[i] and i not in mine]
            if not known:
                continue
            weights = np.linalg.solve(covariance[np.ix_(known, known)], x[known] - truth.mean[known])
            for i in mine:
                if there[i]:
                    guess = truth.mean[i] + covariance[i, known] @ weights
                    errors.append((x[i] - guess) ** 2 / variance[i])
        expected.append(sum(errors) / len(errors))
    found = unexplained(truth, Rows.of_cells(values, observed), groups, variance)
    assert found == pytest.approx(sum(expected) / 2, rel=1e-10)
