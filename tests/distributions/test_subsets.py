"""Subsets of modalities: the list of all, and unbiased draws."""

import itertools
from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.distributions import powerset, sampled_subsets, subsets_within
from mmgen.testing import masks


def members(mask):
    return tuple(m for m, given_ in enumerate(mask.tolist()) if given_)


@pytest.mark.parametrize("modalities", range(1, 7))
def test_powerset_lists_every_subset_smaller_ones_first_in_lexicographic_order(modalities):
    expected = [subset for size in range(1, modalities + 1) for subset in combinations(range(modalities), size)]
    subsets = powerset(modalities)
    assert subsets.dtype == torch.bool
    assert [members(mask) for mask in subsets] == expected


@given(st.integers(1, 6).flatmap(lambda modalities: masks(3, modalities, empty_rows=True)), st.integers(0, 1000))
def test_sampled_subsets_are_available_and_not_empty_unless_the_row_is(available, seed):
    torch.manual_seed(seed)
    subsets = sampled_subsets(available, 20)
    assert subsets.shape == (20, *available.shape)
    assert not (subsets & ~available).any()
    assert torch.equal(subsets.any(-1), available.any(-1).expand(20, -1))


def test_sampled_subsets_are_uniform_over_the_subsets_of_what_each_row_has():
    torch.manual_seed(0)
    available = torch.tensor(
        [[True, True, True, True], [True, False, True, False], [False, True, True, True], [False, False, True, False]]
    )
    draws = 15_000
    subsets = sampled_subsets(available, draws)
    for b, limit in enumerate([36.1, 13.8, 22.5, 0.0]):  # 99.9 % points of χ² with 14, 2, 6 and 0 degrees of freedom
        has = members(available[b])
        possible = [subset for size in range(1, len(has) + 1) for subset in combinations(has, size)]
        counts = Counter(members(mask) for mask in subsets[:, b])
        assert set(counts) == set(possible)
        expected = draws / len(possible)
        assert sum((counts[subset] - expected) ** 2 / expected for subset in possible) <= limit


def test_sampled_subsets_of_rows_and_draws_are_independent():
    torch.manual_seed(0)
    first = sampled_subsets(torch.ones(2, 3, dtype=torch.bool), 20_000)[
        ..., 0
    ].double()  # is modality 0 in it: 4 times in 7
    centred = (first - 4 / 7) / (4 / 7 * 3 / 7) ** 0.5
    assert abs(float((centred[:, 0] * centred[:, 1]).mean())) < 4.5 / 20_000**0.5
    assert abs(float((centred[1:, 0] * centred[:-1, 0]).mean())) < 4.5 / 20_000**0.5


@pytest.mark.parametrize("modalities", [20, 40, 53])
def test_many_modalities_are_each_in_half_of_the_subsets(modalities):
    torch.manual_seed(0)
    share = sampled_subsets(torch.ones(1, modalities, dtype=torch.bool), 10_000).double().mean(0)[0]
    assert ((share - 0.5).abs() < 5 * 0.5 / 100).all()


@given(masks(3, 4, lead=(2,), empty_rows=True))
def test_subsets_within_are_those_that_a_row_can_have(given_):
    subsets, possible = subsets_within(given_, 15)
    assert subsets.shape == (2, 15, 3, 4)
    for index in itertools.product(range(2), range(3)):
        has = members(given_[index])
        found = [members(subsets[index[0], s, index[1]]) for s in range(15) if possible[index[0], s, index[1]]]
        assert found == [subset for size in range(1, 5) for subset in combinations(has, size)]
        assert not (subsets[index[0], :, index[1]] & ~given_[index]).any()


def test_subsets_within_are_drawn_where_there_are_too_many():
    torch.manual_seed(0)
    given_ = torch.tensor([[True, True, False, True], [False, True, False, False]])
    subsets, possible = subsets_within(given_, 14)
    torch.manual_seed(0)
    assert torch.equal(subsets, sampled_subsets(given_, 14))
    assert possible.shape == (14, 2) and possible.all()
