"""How many rows are generated at once."""

import math

from mmgen.evaluation import Evaluation
from mmgen.evaluation.chunks import MOST_NUMBERS, NUMBERS_AT_ONCE, rows_at_once
from mmgen.testing import make_model, toy_data


def test_short_rows_go_by_the_numbers_and_wide_ones_are_bounded():
    assert rows_at_once(1, 512) == NUMBERS_AT_ONCE
    assert rows_at_once(3 * 64 * 64, 512) == 512
    assert rows_at_once(30_000, 512) == MOST_NUMBERS // 30_000 < 512
    assert rows_at_once(MOST_NUMBERS + 1, 512) == 1
    assert rows_at_once(0, 512) == NUMBERS_AT_ONCE


def test_of_what_is_wide_fewer_items_are_drawn(monkeypatch):
    data = toy_data(("vector", "image"))
    evaluation = Evaluation(make_model("elbo", data), data)
    assert evaluation.draws == evaluation.max_rows
    widest = max(math.prod(each.shape) for each in evaluation.model.modalities.values())
    monkeypatch.setattr("mmgen.evaluation.evaluation.MOST_DRAWN", 3 * widest + 1)
    assert evaluation.draws == 3
    assert len(evaluation.latent_samples((), evaluation.targets[0])) == 3
