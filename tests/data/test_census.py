"""Which rows have what, against counting in loops, and sentences about modalities that are never seen together."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.data import Data, Provenance, Table, VectorModality
from mmgen.data.census import census, linkage, modality_counts


def data_with(train, val=(), test=()):
    """Rows as strings of the modalities that they have, such as ``["ab", "b"]``."""
    names = sorted(set("".join([*train, *val, *test])))

    def table(rows):
        available = torch.tensor([[name in row for name in names] for row in rows], dtype=torch.bool)
        available = available.reshape(len(rows), len(names))
        return Table.of({name: torch.zeros(len(rows), 1) for name in names}, available=available)

    modalities = {name: VectorModality(shape=(1,)) for name in names}
    sides = [table(rows) for rows in (train, val, test)]
    return Data("toy", None, modalities, *sides, {}, Provenance("simulated", "A toy."), "")


def test_a_line_per_modality_that_some_rows_lack():
    data = data_with(["abc", "ab", "b"], ["abc"], ["bc", "b"])
    assert modality_counts(data)["c"] == {"train": 1, "val": 1, "test": 1}
    assert census(data) == [
        "In every row: b",
        "a: 2 of 3 training rows, 1 of 1 validation, 0 of 2 test",
        "c: 1 of 3 training rows, 1 of 1 validation, 1 of 2 test",
    ]
    assert census(data_with(["ab", "ab"])) == ["All 2 modalities are in every row."]
    assert census(data_with(["a"])) == ["a is in every row."]
    assert census(data_with(["ab", "a"]))[1] == "b: 1 of 2 training rows", "splits without rows are left out"


def test_very_many_modalities_are_few_lines_with_the_rarest_ones():
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = census(data_with([*(letters[: n + 1] for n in range(len(letters))), letters[1:]]))  # z is the rarest
    assert len(lines) == 21
    assert [line[0] for line in lines[:20]] == list("ghijklmnopqrstuvwxyz")
    assert lines[-1] == "and 6 more modalities, each in at least 22 training rows"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["a", "b"], "No training row links a and b: what is generated across them rests on nothing."),
        (["ab", "ab", "cd", "d"], "No training row links a + b and c + d: what is generated across them"),
        (["a", "b", "cd"], "No training row links any two of 3 groups of modalities (a; b; c + d): what is generated"),
        (["ab", "bc"], "No training row has both a and c: they are linked through other modalities alone."),
        (["ab", "ac", "ad"], "3 pairs of modalities, such as b and c, are never in one training row: they are linked"),
    ],
)
def test_what_no_row_links_is_said(rows, sentence):
    (said,) = linkage(data_with(rows))
    assert said.startswith(sentence)


def test_what_is_linked_and_what_training_never_sees_is_not_spoken_of():
    assert linkage(data_with(["ab", "bc", "ac"])) == []
    assert linkage(data_with(["a", "a"], ["b"])) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=1, max_size=8))
def test_groups_are_what_a_walk_from_row_to_row_reaches(rows):
    """The oracle joins rows that share a modality until nothing changes."""
    groups = [set(row) for row in rows]
    changed = True
    while changed:
        changed = False
        for one, two in itertools.combinations(range(len(groups)), 2):
            if groups[one] & groups[two] and groups[one] != groups[two]:
                groups[one] = groups[two] = groups[one] | groups[two]
                changed = True
    expected = {frozenset(group) for group in groups}
    said = linkage(data_with(["".join(row) for row in rows]))
    pairs = [p for p in itertools.combinations(sorted(set().union(*rows)), 2) if not any(set(p) <= row for row in rows)]
    if len(expected) > 1:
        assert "rests on nothing" in said[0]
        for group in expected:
            assert " + ".join(sorted(group)) in said[0]
    elif pairs:
        assert "linked through other" in said[0]
        assert f"{pairs[0][0]} and {pairs[0][1]}" in said[0]
    else:
        assert said == []


@pytest.mark.parametrize("rows", [[], ["a"]])
def test_no_rows_are_no_trouble(rows):
    assert linkage(data_with(["a"], rows, rows)) == []
