"""What wide tables cost: scores of predictions hold no more than a share of these at a time."""

import tracemalloc

import numpy as np
import pytest

import mmgen
from mmgen.evaluation.imputation_columns import Cells, Columns
from mmgen.evaluation.imputation_scores import Scores
from mmgen.evaluation.imputation_trial import _means

ROWS, COLUMNS = 40, 8192


@pytest.fixture(scope="module")
def truth():
    draw = np.random.default_rng(0)
    return Cells(draw.normal(size=(ROWS, COLUMNS)), draw.random((ROWS, COLUMNS)) < 0.9)


def peak_of(call):
    """What a call gives, and the most bytes that it held beside what there was before."""
    tracemalloc.start()
    try:
        found = call()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_scores_of_many_columns_hold_some_of_them(truth):
    columns = Columns.of("genes", mmgen.VectorModality(shape=(COLUMNS,)), truth)
    guess = np.random.default_rng(1).normal(size=truth.values.shape)
    scores, peak = peak_of(lambda: Scores.of(columns, truth, guess))
    assert peak < truth.values.nbytes
    for place in (0, 1023, 1024, COLUMNS - 1):
        rows = truth.measured[:, place]
        x, scale = truth.values[rows, place], columns.scale[place]
        assert scores.errors[place] == pytest.approx(sum(((x - guess[rows, place]) / scale) ** 2))
        assert scores.floors[place] == pytest.approx(sum(((x - columns.mean[place]) / scale) ** 2))


def test_shares_within_intervals_are_counted_and_not_averaged(truth):
    inside = np.random.default_rng(2).random((3, ROWS, COLUMNS)) < 0.5
    measured = truth.measured.copy()
    measured[:, 7] = False
    shares, peak = peak_of(lambda: _means(inside, measured))
    assert peak < 4 * inside.nbytes
    assert np.isnan(shares[:, 7]).all()
    for place in (0, COLUMNS - 1):
        assert shares[:, place].tolist() == inside[:, measured[:, place], place].mean(1).tolist()
