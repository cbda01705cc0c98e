"""By what rows are named in another file: keys of what they hold, and names, against plain dictionaries."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.data import Identity, Table
from mmgen.data.identity import content_keys, row_turns, word_keys

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=30)


def keys(rows) -> torch.Tensor:
    values = {
        "a": np.array([[row[0]] for row in rows], dtype=np.float32),
        "b": np.array([[row[1], 7] for row in rows], dtype=np.int32),
    }
    return content_keys(values, np.array([[True, row[2]] for row in rows]))


@given(ROWS)
def test_a_key_is_what_a_row_holds_of_a_modality(rows):
    found = keys(rows)
    for m, held in enumerate([[row[0] for row in rows], [row[1] if row[2] else None for row in rows]]):
        pairs = set(zip(found[:, m].tolist(), held))
        assert len(pairs) == len({key for key, _ in pairs}) == len(set(held))
        assert all((key == 0) == (value is None) for key, value in pairs)


@given(ROWS)
def test_turns_count_equal_rows(rows):
    seen: dict[tuple, int] = {}
    for row, turn in zip(rows, row_turns(keys(rows)).tolist()):
        held = (row[0], row[1] if row[2] else None)
        assert turn == seen.get(held, 0)
        seen[held] = turn + 1


def test_equal_values_of_two_modalities_have_two_keys():
    same = np.ones((1, 2), dtype=np.float32)
    one, two = content_keys({"a": same, "b": same}, np.ones((1, 2), dtype=bool))[0].tolist()
    assert one != two


@given(st.lists(st.text(max_size=8), min_size=1, max_size=10))
def test_names_of_any_script_come_back_from_the_file(tmp_path_factory, words):
    content = torch.arange(2 * len(words)).reshape(-1, 2)
    turns = torch.arange(len(words)) % 3
    identity = Identity(content, turns, np.array(words, dtype=object), word_keys(words))
    table = Table.of({"x": torch.zeros(len(words), 1)}, identity=identity)
    path = tmp_path_factory.mktemp("table") / "rows.safetensors"
    table.save(path)
    back = Table.open(path).select(torch.arange(len(words)).flip(0)).identity
    assert back.ids.tolist() == words[::-1]
    assert torch.equal(back.content, identity.content.flip(0))
    assert torch.equal(back.turns, identity.turns.flip(0))
    assert torch.equal(back.groups, identity.groups.flip(0))
