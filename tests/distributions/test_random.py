"""Noise belongs to rows of the global batch, however that batch is cut."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import (
    Gaussian,
    Mixture,
    normal_noise,
    random_strata,
    sampled_subsets,
    share_of_batch,
    stratified_uniform,
    uniform_noise,
)

LIKE = torch.zeros((), dtype=torch.float64)
ROWS = 7


def shares(cuts, total=ROWS):
    """The stretches between the cuts."""
    edges = [0, *sorted(cuts), total]
    return list(pairwise(edges))


torch.manual_seed(0)
PLACES = Gaussian(torch.randn(2, 3, ROWS, 2, dtype=torch.float64), torch.randn(2, 3, ROWS, 2, dtype=torch.float64))
LOG_WEIGHTS = torch.randn(2, 3, ROWS, dtype=torch.float64).log_softmax(-2)
AVAILABLE = torch.rand(ROWS, 5) < 0.6


def strata_at_random(a, b):
    with random_strata():
        return stratified_uniform((4, b - a), LIKE)


DRAWS = {  # (function of the rows, the dimension of the rows in what it returns)
    "normal noise": (lambda a, b: normal_noise((2, b - a, 3), LIKE), 1),
    "uniform noise": (lambda a, b: uniform_noise((2, b - a), LIKE), 1),
    "stratified uniform": (lambda a, b: stratified_uniform((4, b - a), LIKE), 1),
    "strata at random": (strata_at_random, 1),
    "samples of a Gaussian": (lambda a, b: PLACES[:, :, a:b].rsample((3,)), 3),
    "samples of a mixture": (lambda a, b: Mixture(PLACES[:, :, a:b], LOG_WEIGHTS[:, :, a:b]).rsample((3,)), 2),
    "samples of a mixture of one": (lambda a, b: Mixture.of(PLACES[0, 0, a:b]).rsample((3,)), 1),
    "samples of each component": (
        lambda a, b: Mixture(PLACES[:, :, a:b], LOG_WEIGHTS[:, :, a:b]).components.rsample(),
        2,
    ),
    "sampled subsets": (lambda a, b: sampled_subsets(AVAILABLE[a:b], 3), 1),
}


@pytest.mark.parametrize(("draw", "rows_at"), DRAWS.values(), ids=DRAWS)
@settings(max_examples=12)
@given(cuts=st.sets(st.integers(1, ROWS - 1)))
def test_shares_of_a_batch_draw_what_the_whole_batch_draws(cuts, draw, rows_at):
    torch.manual_seed(3)
    whole = draw(0, ROWS)
    after = torch.rand(())
    parts = []
    for start, stop in shares(cuts):
        torch.manual_seed(3)
        with share_of_batch(start, stop, ROWS):
            parts.append(draw(start, stop))
        assert torch.equal(torch.rand(()), after)  # the generator is where the whole batch leaves it
    torch.testing.assert_close(torch.cat(parts, rows_at), whole, rtol=1e-12, atol=1e-12)


def test_noise_of_another_number_of_rows_is_not_cut():
    with share_of_batch(2, 5, 10):
        torch.manual_seed(0)
        inside = normal_noise((4, 2), LIKE)
    torch.manual_seed(0)
    assert torch.equal(inside, normal_noise((4, 2), LIKE))


def test_shares_nest_and_end_also_by_an_error():
    def drawn():
        torch.manual_seed(0)
        return uniform_noise((2,), LIKE)

    alone = drawn()
    with share_of_batch(0, 2, 6):
        first = drawn()
        with share_of_batch(4, 6, 6):
            last = drawn()
        assert torch.equal(drawn(), first)
        with pytest.raises(RuntimeError), share_of_batch(4, 6, 6):
            raise RuntimeError
        assert torch.equal(drawn(), first)
    assert not torch.equal(first, last)
    assert torch.equal(drawn(), alone)


def test_noise_has_the_dtype_asked_for_and_its_distribution():
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        like = torch.zeros((), dtype=dtype)
        normal, uniform, even = (
            normal_noise((40_000, 1), like),
            uniform_noise((40_000,), like),
            stratified_uniform((2, 5), like),
        )
        assert normal.dtype == uniform.dtype == even.dtype == dtype
        assert abs(float(normal.mean())) < 4.5 / math.sqrt(40_000)
        assert float(normal.var()) == pytest.approx(1, abs=0.05)
        assert float(uniform.mean()) == pytest.approx(0.5, abs=0.01)
        assert uniform.min() >= 0
        assert uniform.max() < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 2, 3, 10, 256])
def test_stratified_numbers_are_evenly_spread_over_the_batch(rows, dtype):
    torch.manual_seed(0)
    numbers = stratified_uniform((500, rows), torch.zeros((), dtype=dtype))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    gaps = numbers.sort(-1).values.diff(dim=-1)
    torch.testing.assert_close(gaps, torch.full_like(gaps, 1 / rows), rtol=0, atol=1e-5)


def test_strata_at_random_are_the_same_numbers_for_other_rows():
    torch.manual_seed(0)
    numbers = strata_at_random(0, 50)
    gaps = numbers.sort(-1).values.diff(dim=-1)
    torch.testing.assert_close(gaps, torch.full_like(gaps, 1 / 50), rtol=0, atol=1e-12)
    orders = {tuple(each.argsort().tolist()) for each in numbers}
    assert len(orders) == 4, "an order for each of the leading dimensions"
    with random_strata():
        assert float(torch.stack([stratified_uniform((2000,), LIKE)[:1000].mean() for _ in range(20)]).std()) < 0.02
    torch.manual_seed(0)
    start = float(torch.rand((1, 1), dtype=LIKE.dtype)) * 50
    torch.manual_seed(0)
    in_order = stratified_uniform((1, 50), LIKE)[0]
    assert in_order.tolist() == pytest.approx([(row + start) / 50 % 1 for row in range(50)]), (
        "and along the batch outside, as a training has it"
    )


def test_every_row_of_the_stratified_numbers_is_uniform():
    torch.manual_seed(0)
    numbers = stratified_uniform((20_000, 3), LIKE)
    for row in numbers.T:
        counts = torch.histc(row, 10, 0, 1)
        assert float(((counts - 2_000) ** 2 / 2_000).sum()) < 27.9  # 99.9 % point of χ² with 9 degrees of freedom
