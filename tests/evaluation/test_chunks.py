"""How many rows are generated at once."""

from mmgen.evaluation.chunks import MOST_NUMBERS, NUMBERS_AT_ONCE, rows_at_once


def test_short_rows_go_by_the_numbers_and_wide_ones_are_bounded():
    assert rows_at_once(1, 512) == NUMBERS_AT_ONCE
    assert rows_at_once(3 * 64 * 64, 512) == 512
    assert rows_at_once(30_000, 512) == MOST_NUMBERS // 30_000 < 512
    assert rows_at_once(MOST_NUMBERS + 1, 512) == 1
    assert rows_at_once(0, 512) == NUMBERS_AT_ONCE
