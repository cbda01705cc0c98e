"""On which side rows of another file were, against plain dictionaries and loops over all pairs of rows."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.data import Identity, Sides
from mmgen.data.identity import content_keys, row_turns, word_keys
from mmgen.data.recognition import NEW

TRAIN, VAL, TEST = range(3)
CODES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=30)
HELD = ("a", "b", "c")
Row = tuple[object, object, object]  # what it holds of each modality, None where it lacks it


def identity(rows: list, ids=None, groups=None) -> Identity:
    """Of rows with what they hold of each modality: anything that can be printed, or None."""
    values = {
        name: word_keys("" if row[m] is None else repr(row[m]) for row in rows).numpy()[:, None]
        for m, name in enumerate(HELD[: len(rows[0])])
    }
    content = content_keys(values, np.array([[held is not None for held in row] for row in rows]))
    return Identity(content, row_turns(content), ids, None if groups is None else word_keys(groups))


def known(rows: list, side: list[int], groups=None) -> Sides:
    held = identity(rows, groups=groups)
    return Sides(torch.tensor(side), held.content, held.turns, None, held.groups)


def continuous(count: int, seed: int = 0, modalities: int = 3) -> list[Row]:
    draw = np.random.default_rng(seed)
    return [tuple(each) for each in draw.normal(size=(count, modalities)).tolist()]  # type: ignore[misc]


def in_turn(rows: list) -> list[tuple]:
    """What a row holds, and how often it was there before."""
    seen: dict[tuple, int] = {}
    names = []
    for row in rows:
        seen[row] = seen.get(row, -1) + 1
        names.append((*row, seen[row]))
    return names


@given(CODES, st.randoms())
def test_whole_rows_are_found_wherever_they_stand(codes, random):
    """However little they hold: equal rows by their turn."""
    rows = [(one, two if has else None) for one, two, has in codes]
    side = [random.randrange(3) for _ in rows]
    expected = dict(zip(in_turn(rows), side))
    order = [*range(len(rows))]
    random.shuffle(order)
    others = [rows[i] for i in order] + [(9, 9), (9, 9)]
    found = known(rows, side).recognise(identity(others))
    assert found.side.tolist() == [expected.get(name, NEW) for name in in_turn(others)]
    assert found.whole.tolist() == [True] * len(rows) + [False] * 2 and not found.mixed.any()
    assert found.present.all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_was_seen_of_a_row_is_recognised_whatever_else_it_has(data):
    """Any subset of the modalities, beside others, of other rows, or of none; in any order; train before val before
    test.
    """
    count = data.draw(st.integers(16, 40), "rows")
    rows = continuous(count, 1)
    lacks = data.draw(st.lists(st.tuples(*[st.booleans()] * 3), min_size=count, max_size=count), "lacks")
    rows = [row if all(gone) else tuple(None if g else h for g, h in zip(gone, row)) for gone, row in zip(lacks, rows)]
    side = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count), "side")
    strangers = continuous(count, 2)
    sources = st.one_of(st.none(), st.tuples(st.sampled_from(["known", "new"]), st.integers(0, count - 1)))
    made = data.draw(st.lists(st.tuples(*[sources] * 3), min_size=1, max_size=12), "made")
    asked = [
        tuple(
            None if source is None else (rows if source[0] == "known" else strangers)[source[1]][m]
            for m, source in enumerate(each)
        )
        for each in made
    ]
    enough = [sum(row[m] is not None for row in rows) >= 16 for m in range(3)]
    found = known(rows, side).recognise(identity(asked))
    for n, row in enumerate(asked):
        sides = {
            side[i] for i in range(count) for m in range(3) if row[m] is not None and enough[m] and rows[i][m] == row[m]
        }
        whole = [side[i] for i in range(count) if rows[i] == row and any(held is not None for held in row)]
        if not any(held is not None for held in row):
            continue  # no reader gives such a row
        if whole:
            assert found.side[n] == whole[0] and found.whole[n]
        elif all(enough):
            assert found.side[n] == min(sides, default=NEW)
            assert found.mixed[n] == (len(sides) > 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_that_a_training_did_not_have_is_recognised(data):
    """New rows of categories, small numbers and real numbers; what they share with others are single categories."""
    count = data.draw(st.integers(1, 60), "rows")
    draw = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))

    def some(number: int) -> list[Row]:
        kinds, sites = draw.integers(0, 4, number), draw.integers(0, 2, number)
        return [(float(draw.normal()), int(kinds[n]), int(sites[n])) for n in range(number)]

    rows = some(count)
    found = known(rows, [TRAIN] * count).recognise(identity(some(30)))
    assert (found.side == NEW).all() and not found.mixed.any()


def share_recognised(draw_values, count: int, seeds: int = 12) -> float:
    """Of new rows with one modality alone."""
    shares = []
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        rows = [(value, float(draw.normal())) for value in draw_values(draw, count)]
        new = [(value, None) for value in draw_values(draw, 50)]
        shares.append((known(rows, [TRAIN] * count).recognise(identity(new)).side != NEW).mean())
    return float(np.mean(shares))


def test_values_that_are_shared_by_chance_say_nothing_alone():
    for count in (20, 60, 200):
        assert share_recognised(lambda draw, n: draw.integers(0, 3, n).tolist(), count) < 0.01  # a category
        assert share_recognised(lambda draw, n: draw.integers(18, 100, n).tolist(), count) < 0.05  # an age
        assert share_recognised(lambda draw, n: draw.poisson(4, n).tolist(), count) < 0.01  # a count
        assert share_recognised(lambda draw, n: draw.normal(size=n).tolist(), count) == 0
    rare = [("brain" if n == 5 else "liver", n + 0.5) for n in range(100)]
    assert known(rare, [TRAIN] * 100).recognise(identity([("brain", 0.25)])).side.tolist() == [NEW]


def test_modalities_that_say_nothing_alone_say_who_it_is_together():
    rows = list(itertools.product(range(6), range(6), range(6)))[:200]
    side = [n % 3 for n in range(200)]
    for lack in range(3):
        asked = [tuple(None if m == lack else held for m, held in enumerate(row)) for row in rows[:20]]
        assert (known(rows, side).recognise(identity(asked)).side == NEW).all()  # pairs repeat
    rows = [(n % 14, n // 14, n % 3) for n in range(150)]  # two together are unique
    known_rows = known(rows, [n % 3 for n in range(150)])
    asked = [(one, two, None) for one, two, _ in rows]
    assert known_rows.recognise(identity(asked)).side.tolist() == [n % 3 for n in range(150)]
    asked = [(None, two, three) for _, two, three in rows]
    assert (known_rows.recognise(identity(asked)).side == NEW).all()
    trained = [(one, two, None) for one, two, _ in rows]  # and the third was measured later
    assert known(trained, [n % 3 for n in range(150)]).recognise(identity(rows)).side.tolist() == [
        n % 3 for n in range(150)
    ]


def test_a_value_that_all_rows_of_a_group_have_is_theirs():
    """Three visits of each patient, with one genome."""
    rows = [(patient + 0.5, 10 * patient + visit + 0.25) for patient in range(20) for visit in range(3)]
    groups = [f"group {n // 3}" for n in range(60)]
    side = [(n // 3) % 3 for n in range(60)]
    asked = identity([(patient + 0.5, None) for patient in range(20)])
    assert known(rows, side, groups).recognise(asked).side.tolist() == [n % 3 for n in range(20)]
    assert (known(rows, side).recognise(asked).side == NEW).all()  # nothing tells these from a category


def test_rows_are_present_if_something_of_them_is():
    rows = continuous(30)
    sides = known(rows, [n % 3 for n in range(30)])
    found = sides.recognise(identity([(rows[4][0], None, None), (rows[5][0], rows[6][1], None), *rows[10:]]))
    assert np.flatnonzero(~found.present).tolist() == [0, 1, 2, 3, 7, 8, 9]
    assert found.side[:2].tolist() == [1, 0] and found.mixed[:2].tolist() == [False, True]


def test_names_decide_where_both_have_them_and_groups_where_a_row_is_unknown():
    rows = continuous(4)
    ids = np.array(["a", "b", "c", "d"], dtype=object)
    groups = ["g", "h", "", "g"]
    whole = identity(rows, ids, groups)
    assert Sides.of([whole.select(torch.arange(2)), None]) is None  # a part that does not know its rows
    known_rows = Sides.of([whole.select(torch.tensor(part)) for part in ([0, 1], [2], [3])])
    edited = identity(continuous(4, 1), ids, groups)
    found = known_rows.recognise(edited)
    assert found.side.tolist() == [0, 0, 1, 2] and found.present.all()
    without_names = identity(continuous(4, 1))
    assert known_rows.recognise(without_names).side.tolist() == [NEW] * 4
    assert not known_rows.recognise(without_names).present.any()
    strangers = identity(rows, np.array(["w", "x", "y", "z"], dtype=object), ["h", "", "new", "g"])
    assert known_rows.recognise(strangers).side.tolist() == [0, NEW, NEW, 0]  # with their group; train before test


def test_nobody_is_recognised_by_a_run_that_knows_no_rows():
    found = Sides.none().recognise(identity(continuous(3)))
    assert found.side.tolist() == [NEW] * 3 and len(found.present) == 0
