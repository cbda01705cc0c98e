"""Splits: their properties, on any rows, groups and classes, and the sizes that a person would count out."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import DataError, split_rows
from mmgen.data.apportionment import fractional_rows, side_totals, stratum_totals

NAMES = ("train", "val", "test")
SHARES = st.sampled_from([(0.2, 0.1), (0.1, 0.1), (0.2, 0.0), (0.0, 0.1), (0.0, 0.0), (0.5, 0.3), (0.01, 0.02)])
CLASSES = st.lists(st.integers(-1, 4), min_size=1, max_size=60)


def sides(count: int, shares: tuple[float, float], seed: int = 0, **more) -> list[np.ndarray]:
    found = split_rows(count, test=shares[0], val=shares[1], seed=seed, **more)
    assert list(found) == list(NAMES)
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(count)), "sides are not a partition"
    return list(found.values())


def sizes(*args, **more) -> list[int]:
    return [len(side) for side in sides(*args, **more)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, [0, 0, 0]),
        (1, [1, 0, 0]),
        (2, [1, 0, 1]),
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (5, [3, 1, 1]),
        (8, [5, 1, 2]),
        (10, [7, 1, 2]),
        (60, [42, 6, 12]),
    ],
)
def test_a_person_would_count_so_many_rows(count, expected):
    assert sizes(count, (0.2, 0.1)) == expected


@pytest.mark.parametrize("rows_per_class", [1, 2, 3, 4, 5, 60])
def test_small_classes_change_no_total_and_all_are_trained_on(rows_per_class):
    classes = np.arange(60) // rows_per_class
    train, val, test = sides(60, (0.2, 0.1), strata=classes)
    assert [len(train), len(val), len(test)] == [42, 6, 12]
    assert len(set(classes[train])) == min(42, len(set(classes)))


@given(SHARES, CLASSES, st.integers(0, 99))
def test_rows_are_shared_out_in_all_and_in_every_class(shares, classes, seed):
    strata, share = np.array(classes), np.array([1 - sum(shares), shares[1], shares[0]])
    found = sides(len(strata), shares, seed, strata=strata)
    wanted = np.flatnonzero(share)
    for side, rows in enumerate(found):
        assert bool(len(rows)) == (share[side] > 0) or len(strata) < len(wanted), "a wanted side is empty"
        others = [len(found[other]) for other in wanted if other != side]
        if 1 not in others and len(rows) > 1:  # else rows may have gone to a side that would have been empty
            assert abs(len(rows) - len(strata) * share[side]) < 1
    present = set(strata.tolist())
    if len(present) <= len(found[0]):
        assert set(strata[found[0]].tolist()) == present, "a class has no training row"


@given(SHARES, st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 99))
def test_no_class_is_more_than_a_row_off_its_part(shares, classes, seed):
    rows = np.array(classes)
    totals = side_totals(int(rows.sum()), np.array([1 - sum(shares), shares[1], shares[0]]))
    found, parts = stratum_totals(rows, totals, np.random.default_rng(seed)), fractional_rows(rows, totals)
    assert found.min() >= 0
    assert found.sum(1).tolist() == rows.tolist()
    assert found.sum(0).tolist() == totals.tolist()
    assert np.abs(found - parts).max() <= 1 + 1e-9
    assert (found[:, 0] >= 1).all() or len(rows) > totals[0]
    if (rows * totals[0] / rows.sum() >= 1).all():  # every class has more than a training row by its share alone
        assert parts == pytest.approx(np.outer(rows, totals) / rows.sum())


def test_classes_of_ten_have_exactly_their_shares():
    classes = np.random.default_rng(0).permutation(np.repeat(np.arange(7), 10))
    for side, expected in zip(sides(70, (0.2, 0.1), strata=classes), (7, 1, 2)):
        assert np.bincount(classes[side]).tolist() == [expected] * 7


@settings(max_examples=200)
@given(SHARES, st.lists(st.tuples(st.integers(0, 15), st.integers(-1, 3)), min_size=1, max_size=60), st.integers(0, 99))
def test_groups_stay_whole(shares, rows, seed):
    groups, strata = np.array(rows).T
    share = np.array([1 - sum(shares), shares[1], shares[0]])
    found = sides(len(rows), shares, seed, groups=groups, strata=strata)
    held = [set(groups[side].tolist()) for side in found]
    for one, other in itertools.combinations(held, 2):
        assert not one & other, "a group is on two sides"
    count, largest = len(set(groups.tolist())), max(np.bincount(groups))
    wanted = np.flatnonzero(share)
    if count >= len(wanted):
        assert [len(side) > 0 for side in held] == (share > 0).tolist()
    assert held[0], "nothing to train on"
    if all(len(held[side]) > 1 for side in wanted):
        assert (np.abs([len(side) for side in found] - len(rows) * share) < largest + 1).all()


@pytest.mark.parametrize(
    ("groups", "expected"), [(1, [60, 0, 0]), (2, [30, 0, 30]), (3, [20, 20, 20]), (4, [30, 15, 15]), (6, [40, 10, 10])]
)
def test_few_groups(groups, expected):
    assert sizes(60, (0.2, 0.1), groups=np.arange(60) % groups) == expected


def test_groups_of_every_size_make_the_shares():
    draw = np.random.default_rng(0)
    groups = draw.permutation(np.repeat(np.arange(40), draw.integers(1, 30, 40)))
    found = sizes(len(groups), (0.2, 0.1), groups=groups)
    assert np.abs(found - len(groups) * np.array([0.7, 0.1, 0.2])).max() <= 2


def test_every_class_of_whole_groups_is_trained_on():
    groups = np.arange(120) // 6  # of ten classes, two groups each
    for seed in range(20):
        assert len(set((groups // 2)[sides(120, (0.5, 0.3), seed, groups=groups, strata=groups // 2)[0]])) >= 4
        assert len(set((groups // 2)[sides(120, (0.2, 0.1), seed, groups=groups, strata=groups // 2)[0]])) == 10


@given(SHARES, CLASSES, st.integers(0, 99), st.randoms())
def test_the_order_of_the_rows_decides_no_number(shares, classes, seed, random):
    """Permuted rows have the same numbers in each class on each side; which rows they are is a draw."""
    strata, order = np.array(classes), list(range(len(classes)))
    random.shuffle(order)
    one = sides(len(strata), shares, seed, strata=strata)
    two = sides(len(strata), shares, seed, strata=strata[order])
    for a, b in zip(one, two):
        assert sorted(strata[a].tolist()) == sorted(strata[order][b].tolist())
    again = sides(len(strata), shares, seed, strata=strata)
    assert [side.tolist() for side in one] == [side.tolist() for side in again]


def test_every_row_is_as_likely_to_be_held_out():
    """Over 600 seeds, each of 30 rows is a test row a fifth of the time, and neighbours are not together."""
    strata = np.repeat([0, 1, 2], [3, 10, 17])
    held = np.zeros((600, 30))
    for seed in range(600):
        held[seed, sides(30, (0.2, 0.1), seed, strata=strata)[2]] = 1
    for stratum in range(3):
        rates = held[:, strata == stratum].mean(0)
        assert np.abs(rates - rates.mean()).max() < 5 * np.sqrt(0.2 * 0.8 / 600)


def test_the_most_frequent_class_is_that_of_a_group():
    groups = np.repeat(np.arange(40), 3)
    strata = np.where(np.arange(120) % 3 == 0, 9, groups % 2)  # one row in three is of another class
    found = sides(120, (0.2, 0.1), groups=groups, strata=strata)
    assert [np.bincount(groups[side] % 2).tolist() for side in found] == [[42, 42], [6, 6], [12, 12]]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (1.0, 0.0), (-0.1, 0.1), (0.9, 0.2)])
def test_shares_that_leave_nothing(shares):
    with pytest.raises(DataError, match="leave nothing to train on"):
        sides(10, shares)


@pytest.mark.parametrize("grouped", [False, True])
def test_a_million_rows_take_moments(grouped):
    draw, count = np.random.default_rng(0), 1_000_000
    groups = draw.integers(0, 300_000, count) if grouped else None
    strata = draw.integers(0, 10, count)
    start = time.process_time()
    found = sizes(count, (0.2, 0.1), strata=strata, groups=groups)
    assert time.process_time() - start < 5, "it is not linear any more"
    assert np.abs(np.array(found) - [700_000, 100_000, 200_000]).max() <= (20 if grouped else 0)
