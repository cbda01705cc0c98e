"""By what rows are recognised in another file, against plain dictionaries."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.data import Identity, Sides, Table
from mmgen.data.identity import NEW, content_keys, word_keys

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=30)


def keys(rows) -> torch.Tensor:
    values = {
        "a": np.array([[row[0]] for row in rows], dtype=np.float32),
        "b": np.array([[row[1], 7] for row in rows], dtype=np.int32),
    }
    return content_keys(values, np.array([[True, row[2]] for row in rows]))


def named(rows) -> list[tuple]:
    """What a row holds, and how often it was there before."""
    seen: dict[tuple, int] = {}
    names = []
    for one, two, has in rows:
        held = (one, two if has else None)
        seen[held] = seen.get(held, -1) + 1
        names.append((*held, seen[held]))
    return names


@given(ROWS)
def test_a_key_is_what_a_row_holds_and_its_turn_among_equal_ones(rows):
    pairs = list(zip(keys(rows).tolist(), named(rows)))
    assert len(set(pairs)) == len({key for key, _ in pairs}) == len({name for _, name in pairs}) == len(rows)


@given(ROWS, st.randoms())
def test_rows_are_found_wherever_they_stand(rows, random):
    side = torch.tensor([random.randrange(3) for _ in rows])
    known = Sides(side, keys(rows))
    expected = dict(zip(named(rows), side.tolist()))
    order = [*range(len(rows))]
    random.shuffle(order)
    others = [rows[i] for i in order] + [(9, 9, True), (9, 9, True)]
    assert known.find(Identity(keys(others))).tolist() == [expected.get(name, NEW) for name in named(others)]
    kept = others[: len(others) // 2]
    gone = set(expected) - set(named(kept))
    assert known.lost(Identity(keys(kept))) == sum(expected[name] < 2 for name in gone)


def test_names_decide_where_both_have_them_and_groups_where_a_row_is_unknown():
    content = torch.arange(4)
    ids = np.array(["a", "b", "c", "d"], dtype=object)
    groups = word_keys(["g", "h", "", "g"])
    known = Sides.of([Identity(content[:2], ids[:2], groups[:2]), Identity(content[2:3], ids[2:3], groups[2:3]), None])
    assert known is None  # a part that does not know its rows
    parts = [Identity(content[part], ids[part], groups[part]) for part in ([0, 1], [2], [3])]
    known = Sides.of(parts)
    edited = Identity(content + 10, ids, groups)
    assert known.find(edited).tolist() == [0, 0, 1, 2]
    assert known.lost(edited) == 0
    without_names = Identity(content + 10, None, None)
    assert known.find(without_names).tolist() == [NEW] * 4
    assert known.lost(without_names) == 3
    strangers = Identity(content, np.array(["w", "x", "y", "z"], dtype=object), word_keys(["h", "", "new", "g"]))
    assert known.find(strangers).tolist() == [
        0,
        NEW,
        NEW,
        0,
    ]  # with their group; of a group on two sides, the training rows'


@given(st.lists(st.text(max_size=8), min_size=1, max_size=10))
def test_names_of_any_script_come_back_from_the_file(tmp_path_factory, words):
    identity = Identity(torch.arange(len(words)), np.array(words, dtype=object), word_keys(words))
    table = Table.of({"x": torch.zeros(len(words), 1)}, identity=identity)
    path = tmp_path_factory.mktemp("table") / "rows.safetensors"
    table.save(path)
    back = Table.open(path).select(torch.arange(len(words)).flip(0)).identity
    assert back.ids.tolist() == words[::-1]
    assert torch.equal(back.content, identity.content.flip(0))
    assert torch.equal(back.groups, identity.groups.flip(0))
