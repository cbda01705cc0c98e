"""What ``table`` makes of a table: values, availability, labels, groups, splits and the cache."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.testing import all_rows

CSV = """subject,diagnosis,g0,g1,group,p0,p1
a,ill,0.5,1.5,9,3,4
a,healthy,,2.5,9,5,6
b,ill,1e-3,-7,9,,8
b,,4.25,5.5,9,9,10
c,ill,NaN,1,9,None,0
c,healthy,2.0,3.0,9,0,12
"""


def write(folder: Path, text: str = CSV, name: str = "my.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table(path: Path, **options) -> OwnTable:
    described = {
        "genes": {"columns": "g*", "kind": "vector"},
        "proteins": {"columns": ["p0", "p1"], "kind": "counts", "likelihood": "poisson"},
    }
    return OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": described, **options}))


def test_values_availability_and_labels(tmp_path):
    described = {
        "genes": {"columns": "g*", "kind": "vector", "missing": "modality"},
        "proteins": {"columns": ["p0", "p1"], "kind": "counts", "likelihood": "poisson", "missing": "modality"},
    }
    dataset = table(write(tmp_path), label="diagnosis", group="group", modalities=described)
    rows, splits = all_rows(dataset.splits()), dataset.splits()
    assert rows.rows.tolist() == [0, 1, 2, 3, 5]  # row 4 has neither
    assert rows.available.tolist() == [[True, True], [False, True], [True, False], [True, True], [True, True]]
    assert rows.data["genes"].tolist() == pytest.approx(
        np.float32([[0.5, 1.5], [0, 0], [1e-3, -7], [4.25, 5.5], [2, 3]])
    )
    assert rows.data["proteins"].tolist() == [[3, 4], [5, 6], [0, 0], [9, 10], [0, 12]]
    assert {values.dtype for values in rows.data.values()} == {torch.float32}
    assert splits.labels == {"diagnosis": ("healthy", "ill")}
    assert rows.labels["diagnosis"].tolist() == [1, 0, 1, -1, 0]
    counts = {"rows": 6, "rows_without_any_modality": 1, "rows_missing": {"genes": 1, "proteins": 1}}
    counts["cells_missing"] = {}
    assert {name: fact for name, fact in splits.facts.items() if name != "notes"} == counts
    assert splits.provenance.kind == "real"
    assert "my.csv, 6 rows" in splits.provenance.summary
    assert splits.provenance.source == str(tmp_path / "my.csv")


def test_modalities_carry_the_names_of_the_columns_and_further_fields(tmp_path):
    modalities = table(
        write(tmp_path),
        group="group",
        modalities={
            "genes": {"columns": "g*", "kind": "vector", "transform": "none", "weight": 2},
            "last": {"columns": ["p1", "p0"], "kind": "vector"},
        },
    ).modalities()
    assert modalities["genes"].columns == ("g0", "g1")
    assert modalities["last"].columns == ("p1", "p0")
    assert (modalities["genes"].transform, modalities["last"].transform) == ("none", "standardise")
    assert modalities["genes"].weight == 2


def test_a_pattern_passes_over_label_group_and_split(tmp_path):
    everything_else = {"all": {"columns": "*", "kind": "vector"}}
    path = write(tmp_path, "y,g,side,a,b\n1,s,train,2,3\n0,t,test,4,5\n1,s,train,6,7\n")
    assert table(path, modalities=everything_else, label="y", group="g", split="side").modalities()["all"].columns == (
        "a",
        "b",
    )


def test_groups_stay_together_and_fill_the_table(tmp_path):
    lines = ["s,y,g0,p0,p1"] + [f"s{row // 4},{row % 2},{row},1,2" for row in range(200)]
    splits = table(write(tmp_path, "\n".join(lines)), label="y", group="s").splits()
    groups = [set(part.groups.tolist()) for part in (splits.train, splits.val, splits.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 50
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [140, 20, 40]


@given(
    st.lists(st.tuples(st.sampled_from(["", "u", "v", "w"]), st.sampled_from(["", "k", "l"])), min_size=4, max_size=30),
    st.integers(0, 99),
)
def test_any_groups_and_labels_make_honest_splits(rows, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "who,y,g0,p0,p1\n" + "".join(f"{who},{y},1,2,3\n" for who, y in [*rows, ("u", "k")]))
        splits = table(path, label="y", group="who", seed=seed).splits()
    sides = {row: side for side in ("train", "val", "test") for row in getattr(splits, side).rows.tolist()}
    assert sorted(sides) == list(range(len(rows) + 1))
    for who in "uvw":
        assert len({sides[row] for row, (named, _) in enumerate(rows) if named == who}) <= 1


def test_a_column_can_say_the_split(tmp_path):
    sides = ["train", "Test", "validation", "train", "train"]
    path = write(tmp_path, "side,g0,p0,p1\n" + "".join(f"{side},{row},1,2\n" for row, side in enumerate(sides)))
    splits = table(path, split="side").splits()
    assert [part.rows.tolist() for part in (splits.train, splits.val, splits.test)] == [[0, 3, 4], [2], [1]]


def test_sides_that_the_column_does_not_name_are_drawn_from_its_training_rows(tmp_path):
    path = write(
        tmp_path, "side,g0,p0,p1\n" + "".join(f"{'test' if row < 20 else 'train'},{row},1,2\n" for row in range(100))
    )
    splits = table(path, split="side", val_fraction=0.25).splits()
    assert splits.test.rows.tolist() == list(range(20))
    assert len(splits.val) == 20
    assert min(splits.val.rows.tolist()) >= 20


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["10", "9", "", "9"], ("9", "10")),
        (["1.0", "2.0", "1.0", "2.0"], ("1", "2")),
        (["01", "2", "10", "2"], ("01", "2", "10")),
        (["b", "a", "10", "a"], ("10", "a", "b")),
    ],
)
def test_classes_are_in_order(tmp_path, cells, classes):
    path = write(tmp_path, "y,g0,p0,p1\n" + "".join(f"{cell},1,2,3\n" for cell in cells))
    dataset = table(path, label="y")
    assert dataset.splits().labels == {"y": classes}
    codes = all_rows(dataset.splits()).labels["y"].tolist()
    assert [classes[code] if code >= 0 else "" for code in codes] == [
        str(int(float(c))) if "." in c else c for c in cells
    ]


def test_tags_labels_and_text(tmp_path):
    path = write(tmp_path, "t0,t1,c0,c1,note\n1,True,x,y,hello\n0,false,,x,a b\n,1,z,z,\n")
    dataset = table(
        path,
        modalities={
            "tags": {"columns": "t*", "kind": "tags"},
            "codes": {"columns": "c*", "kind": "labels"},
            "note": {"columns": "note", "kind": "text"},
        },
    )
    rows, modalities = all_rows(dataset.splits()), dataset.modalities()
    assert rows.available.tolist() == [[True, True, True], [True, False, True], [True, True, False]]
    assert rows.data["tags"].tolist() == [[1, 1], [0, 0], [0, 1]]
    assert rows.observed["tags"].tolist() == [[True, True], [True, True], [False, True]]
    assert modalities["codes"].categories == ("x", "y", "z")
    assert rows.data["codes"].tolist() == [[0, 1], [0, 0], [2, 2]]
    assert modalities["note"].shape == (5,)
    assert modalities["note"].alphabet == (" ", *"abehlo")
    assert [modalities["note"].cells(value.numpy()) for value in rows.data["note"]] == [["hello"], ["a b"], [""]]


def test_text_of_words_and_of_a_given_length(tmp_path):
    path = write(tmp_path, "note\nthe cat sat\nthe dog\n")
    dataset = table(path, modalities={"note": {"columns": "note", "kind": "text", "joiner": " ", "shape": [2]}})
    modality = dataset.modalities()["note"]
    assert modality.alphabet == ("", "cat", "dog", "sat", "the")
    assert [modality.cells(value.numpy()) for value in all_rows(dataset.splits()).data["note"]] == [
        ["the cat"],
        ["the dog"],
    ]


def test_pixels_in_columns_are_an_image_of_the_given_shape(tmp_path):
    path = write(tmp_path, "x0,x1,x2,x3\n0,128,255,1\n4,3,2,1\n")
    dataset = table(path, modalities={"scan": {"columns": "x*", "kind": "image", "shape": [1, 2, 2]}})
    assert all_rows(dataset.splits()).data["scan"].tolist() == [[[[0, 128], [255, 1]]], [[[4, 3], [2, 1]]]]
    assert all_rows(dataset.splits()).data["scan"].dtype == torch.uint8


def test_the_cache_serves_the_same_and_notices_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    path = write(tmp_path)
    (tmp_path / "my.yaml").write_text(
        "path: my.csv\ngroup: subject\nmodalities: {proteins: {columns: p*, kind: counts}}\n", encoding="utf-8"
    )
    first = mmgen.load_dataset("table", config=tmp_path / "my.yaml")
    monkeypatch.setattr(OwnTable, "splits", lambda self: pytest.fail("the cache was not used"))
    second = mmgen.load_dataset("table", config=str(tmp_path / "my.yaml"))
    assert first.fingerprint == second.fingerprint
    assert first.modalities == second.modalities
    monkeypatch.undo()
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    write(path.parent, CSV.replace("12", "13"))
    third = mmgen.load_dataset("table", config=tmp_path / "my.yaml")
    assert third.fingerprint != first.fingerprint
    assert third.split("all").data["proteins"].max() == 13


def test_the_toy_has_what_a_table_can_have(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path))
    data = mmgen.open_dataset("table", OwnTable.toy())
    assert list(data.modalities) == ["genes", "proteins", "tissue"]
    assert data.provenance.kind == "simulated"
    assert not data.split("all").available.all()
    assert set(data.train.groups.tolist()).isdisjoint(data.test.groups.tolist())
    assert len(data.val) > 0


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        ("aaaa", {"group": "who"}, "1 group ('who') cannot be on three sides: there are no validation and no test"),
        ("aabb", {"group": "who"}, "2 groups ('who') cannot be on three sides: there are no validation rows; where"),
        ("ab", {}, "2 rows cannot be on three sides: there are no validation rows; where none are wanted, say"),
        ("a", {"val_fraction": 0}, "1 row cannot be on two sides: there are no test rows; where none are wanted"),
        ("abcdef", {"label": "who"}, "2 of the 6 classes of 'who' have no training row, and nothing that is"),
        ("aabb", {"group": "who", "test_fraction": 0, "val_fraction": 0}, None),
        ("abcdef", {}, None),
    ],
)
def test_what_a_split_cannot_give_is_noted(tmp_path, cells, options, expected):
    path = write(tmp_path, "who,g0,p0,p1\n" + "".join(f"{who},1,2,3\n" for who in cells))
    notes = table(path, **options).splits().notes
    assert len(notes) == (expected is not None)
    assert all(note.startswith(expected) and note.endswith(".") for note in notes)
