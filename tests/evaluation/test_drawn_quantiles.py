"""Quantiles of draws: intervals hold what they say, and those of counts are counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen import CountsModality
from mmgen.evaluation.drawn import quantiles
from mmgen.evaluation.imputation_columns import Cells, Columns
from mmgen.evaluation.imputation_draws import LEVELS, Target, _inside
from mmgen.testing import toy_data, toy_run

REAL, COUNTS = np.array([False]), np.array([True])


@pytest.mark.parametrize(("count", "level"), [(39, 0.95), (99, 0.9), (99, 0.5), (199, 0.95)])
def test_intervals_hold_the_share_of_further_draws_that_they_say(count, level):
    """Each of K + 1 numbers in turn is as likely as another to be the further one."""
    numbers = np.random.default_rng(count).normal(size=count + 1)
    inside = 0
    for i in range(count + 1):
        low, high = quantiles(np.delete(numbers, i), ((1 - level) / 2, (1 + level) / 2), REAL)
        inside += low <= numbers[i] <= high
    assert inside / (count + 1) == pytest.approx(level, abs=1.001 / (count + 1))


def test_quantiles_are_between_the_draws_around_them():
    drawn = np.array([[4.0], [1.0], [3.0], [2.0]])
    assert quantiles(drawn, (0.2, 0.5, 0.9, 0.1), REAL).ravel().tolist() == [1.0, 2.5, 4.0, 1.0]
    assert quantiles(drawn, (0.3,), REAL) == pytest.approx(np.quantile(drawn, [0.3], axis=0, method="weibull"))


@given(st.lists(st.integers(0, 6), min_size=39, max_size=120), st.sampled_from([0.5, 0.9, 0.95]))
def test_quantiles_of_counts_are_counts_that_hold_what_they_say(counts, level):
    """Literally: a further draw is as likely to take any of the K + 1 places between, below and above K draws."""
    tail, places = (1 - level) / 2, len(counts) + 1
    low, high = quantiles(np.array(counts, dtype=np.float64)[:, None], (tail, 1 - tail), COUNTS).ravel()
    seldom_less = [x for x in counts if sum(each < x for each in counts) + 1 <= tail * places + 1e-9]
    seldom_more = [x for x in counts if sum(each <= x for each in counts) >= (1 - tail) * places - 1e-9]
    assert (low, high) == (max(seldom_less), min(seldom_more))


@given(st.floats(0.05, 30), st.floats(0.05, 30), st.sampled_from([0.05, 0.25, 0.75, 0.95]))
def test_quantiles_of_counts_invert_the_predictive_distribution_function(one, other, p):
    """The least count with F(x) ≥ p, where F is the mean of two Poisson distribution functions in plain sums; another
    one only where F passes p so closely that 4,000 draws do not tell.
    """
    generator = np.random.default_rng(0)
    drawn = generator.poisson(np.where(np.arange(4000) % 2 == 0, one, other)).astype(np.float64)
    found = float(quantiles(drawn[:, None], (p,), COUNTS)[0, 0])

    def distribution(x):
        terms = (
            math.exp(-rate + k * math.log(rate) - math.lgamma(k + 1)) for rate in (one, other) for k in range(x + 1)
        )
        return sum(terms) / 2

    exact = 0
    while distribution(exact) < p:
        exact += 1
    assert found.is_integer()
    doubtful = range(int(min(found, exact)), int(max(found, exact)))
    assert all(abs(distribution(x) - p) < 5 * math.sqrt(p * (1 - p) / 4000) for x in doubtful)


def test_only_columns_of_counts_have_whole_quantiles():
    drawn = np.array([[[0.0, 0.5]], [[1.0, 1.5]], [[3.0, 3.5]]])
    low, middle, high = quantiles(drawn, (0.375, 0.5, 0.625), np.array([True, False]))
    assert (low.tolist(), middle.tolist(), high.tolist()) == ([[0.0, 1.0]], [[1.0, 1.5]], [[3.0, 2.5]])


@pytest.mark.parametrize("likelihood", ["poisson", "negative-binomial", "zero-inflated-negative-binomial"])
def test_a_complete_table_has_whole_quantiles_of_counts(tmp_path, likelihood):
    data = toy_data(("vector", "counts"), missing=0.3, cells=0.2)
    counts = CountsModality(shape=(4,), hidden=(8,), missing="cell", likelihood=likelihood)
    run = toy_run(replace(data, modalities={**data.modalities, "counts": counts}))
    imputation = run.imputation(split="train", draws=23, uncertainty=True)
    imputation.write_text(tmp_path / "complete.csv")
    header, *lines = [line.split(",") for line in (tmp_path / "complete.csv").read_text().splitlines()]
    for name, whole in (("vector", False), ("counts", True)):
        columns = run.model.modalities[name].value_names(name)
        for statistic in ("q05", "q95"):
            places = [header.index(f"{column}_{statistic}") for column in columns]
            cells = [line[place] for line in lines for place in places if line[place]]
            assert cells and all(cell.isdigit() for cell in cells) == whole


def test_the_metric_judges_the_intervals_that_are_written():
    """Of draws 0, 1, …, 39 half of the counts are held by [9, 30], and half of the numbers by [9.25, 29.75]."""
    drawn = np.arange(40.0)[:, None, None]
    truth = Cells(np.array([[9.0]]), np.array([[True]]))
    for support, held in (("counts", True), ("real", False)):
        columns = Columns("x", ("x",), (support,), np.zeros(1), np.ones(1), (), np.array([0]))
        inside = _inside(Target(columns, truth, np.array([True])), np.array([0]), drawn)
        assert dict(zip(LEVELS, inside.ravel().tolist(), strict=True)) == {0.5: held, 0.9: True, 0.95: True}
