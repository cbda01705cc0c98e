"""Average precision against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen.evaluation.scores import (
    accuracy,
    average_precisions,
    known_rows,
    mean_average_precision,
    micro_average_precision,
)


def by_definition(scores, answers):
    """Σ over ranks of precision × the step in recall, ties ranked together."""
    total, found = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [a for s, a in zip(scores, answers) if s >= threshold]
        total += (sum(chosen) - found) / sum(answers) * sum(chosen) / len(chosen)
        found = sum(chosen)
    return total


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=20))
def test_average_precision_is_its_definition(pairs):
    scores, answers = np.array([s for s, _ in pairs], dtype=float), np.array([a for _, a in pairs])
    found = average_precisions(scores[:, None], answers[:, None])[0]
    if 0 < answers.sum() < len(answers):
        assert found == pytest.approx(by_definition(scores.tolist(), answers.tolist()))
    else:
        assert np.isnan(found)


def test_the_mean_leaves_out_unknown_answers_and_constant_ones():
    truth = np.array([[1, 1, -1], [0, 1, 0], [1, 1, 1], [0, 1, -1]])
    scores = np.array([[0.9, 0, 0.0], [0.8, 0, 0.1], [0.7, 0, 0.9], [0.1, 0, 1.0]])
    assert average_precisions(scores, truth)[[0, 2]].tolist() == pytest.approx([(1 + 2 / 3) / 2, 1.0])
    assert mean_average_precision(scores, truth) == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert np.isnan(mean_average_precision(scores[:, 1:2], truth[:, 1:2]))


@given(
    st.lists(st.tuples(*[st.tuples(st.integers(0, 5), st.integers(-1, 1)) for _ in range(3)]), min_size=1, max_size=10)
)
def test_micro_ranks_all_known_answers_together(rows):
    scores, truth = (np.array([[pair[k] for pair in row] for row in rows]) for k in (0, 1))
    known = [pair for row in rows for pair in row if pair[1] >= 0]
    found = micro_average_precision(scores.astype(float), truth)
    if 0 < sum(answer for _, answer in known) < len(known):
        assert found == pytest.approx(
            by_definition([float(score) for score, _ in known], [answer for _, answer in known])
        )
    else:
        assert np.isnan(found)


def test_known_rows_and_accuracy():
    assert known_rows(np.array([0, -1, 2])).tolist() == [True, False, True]
    assert known_rows(np.array([[0, -1], [-1, -1]])).tolist() == [True, False]
    assert accuracy(np.array([1, 2, 3, 3]), np.array([1, 2, 0, 3])) == 0.75
