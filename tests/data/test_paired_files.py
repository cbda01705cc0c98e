"""Recordings without common samples: pairs of one class, within a side, of rows that are used once."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmgen
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.errors import DataError


def write(path: Path, header: list[str], rows: list[list]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def recordings(folder: Path, *classes: list[str], groups: bool = False, **more) -> tuple[dict, list[list[str]]]:
    """Options of files whose row ``n`` holds the number of the file and ``n``, and the classes of their rows."""
    modalities = {}
    for number, names in enumerate(classes):
        header = [f"x{number}", f"y{number}", "stimulus", *(["session"] if groups else [])]
        rows = [[number + 0.5, n, name, *([f"{n // 3}"] if groups else [])] for n, name in enumerate(names)]
        path = write(folder / f"rat{number}.csv", header, rows)
        modalities[f"rat{number}"] = {"path": str(path), "kind": "vector", "transform": "none", "hidden": [8]}
    return {"pair_by": "stimulus", "modalities": modalities, **more}, [list(names) for names in classes]


def splits_of(options: dict) -> mmgen.Splits:
    return OwnTable(OwnTableConfig.model_validate(options)).splits()


def pairs_of(splits: mmgen.Splits, count: int) -> dict[str, list[tuple]]:
    """Side to pairs: the row in each file, and the class."""
    found = {}
    for side in ("train", "val", "test"):
        table = getattr(splits, side)
        found[side] = []
        for n in range(len(table)):
            rows = []
            for number in range(count):
                values = splits.modalities[f"rat{number}"].in_source_units(
                    table.data[f"rat{number}"][:][n : n + 1].numpy()
                )[0]
                assert values[0] == number + 0.5 and table.available[n, number]
                rows.append(round(float(values[1])))
            found[side].append((*rows, splits.labels["stimulus"][int(table.labels["stimulus"][n])]))
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=8, max_size=40), min_size=2, max_size=3),
    st.integers(0, 3),
    st.booleans(),
)
def test_pairs_are_of_one_class_and_side_and_no_row_is_used_twice(tmp_path, files, seed, groups):
    files = [["a", "a", "a", *names] for names in files]
    more = {"seed": seed, "group": "session"} if groups else {"seed": seed}
    options, classes = recordings(tmp_path, *files, groups=groups, **more)
    splits = splits_of(options)
    pairs = pairs_of(splits, len(files))
    common = set.intersection(*map(set, classes)) - {""}
    used: list[dict[int, str]] = [{} for _ in files]
    for side, tuples in pairs.items():
        for *rows, name in tuples:
            for number, row in enumerate(rows):
                assert classes[number][row] == name and name in common
                assert row not in used[number]  # in one pair, so on one side
                used[number][row] = side
    if groups:
        for each in used:
            sides: dict[int, set] = {}
            for row, side in each.items():
                sides.setdefault(row // 3, set()).add(side)
            assert all(len(found) == 1 for found in sides.values())
    for name in common:  # never more than the file with the fewest has
        total = sum(pair[-1] == name for tuples in pairs.values() for pair in tuples)
        assert total <= min(Counter(each)[name] for each in classes)


def test_as_many_pairs_as_the_smaller_file_has_on_each_side(tmp_path):
    options, _ = recordings(tmp_path, ["a"] * 50 + ["b"] * 20, ["b"] * 40 + ["a"] * 30 + ["d"] * 5 + [""] * 2)
    splits = splits_of(options)
    found = {side: Counter(pair[-1] for pair in pairs) for side, pairs in pairs_of(splits, 2).items()}
    assert found == {"train": {"a": 21, "b": 14}, "val": {"a": 3, "b": 2}, "test": {"a": 6, "b": 4}}
    paired = "rat0.csv (70 rows), rat1.csv (77 rows) are paired at random by stimulus: 50 pairs (a 30, b 20), each row"
    assert f"{paired} once." in splits.notes
    said = "Rows that are left over, since another file has fewer of their class on their side: 20 of rat0.csv, 25 of "
    said += "rat1.csv."
    assert said in splits.notes and "Rows without 'stimulus' are left out: 2 of rat1.csv." in splits.notes


def test_the_same_seed_gives_the_same_pairs_and_another_one_others(tmp_path):
    options, _ = recordings(tmp_path, ["a", "b"] * 20, ["a", "b"] * 20)
    first, again = (pairs_of(splits_of(options), 2) for _ in range(2))
    assert first == again
    assert pairs_of(splits_of({**options, "seed": 1}), 2) != first
    assert any(one != other for one, other, _ in first["train"])


def test_sides_of_a_column_are_kept(tmp_path):
    for number in range(2):
        rows = [
            [number + 0.5, n, "ab"[n % 2], ("train", "train", "val", "val", "test", "test")[n % 6]] for n in range(36)
        ]
        write(tmp_path / f"rat{number}.csv", [f"x{number}", f"y{number}", "stimulus", "side"], rows)
    modalities = {f"rat{i}": {"path": str(tmp_path / f"rat{i}.csv"), "kind": "vector"} for i in range(2)}
    pairs = pairs_of(splits_of({"pair_by": "stimulus", "split": "side", "modalities": modalities}), 2)
    for side, tuples in pairs.items():
        assert len(tuples) == 12
        assert all(
            ("train", "train", "val", "val", "test", "test")[row % 6] == side for *rows, _ in tuples for row in rows
        )


@pytest.mark.parametrize(
    ("classes", "more", "sentence"),
    [
        (
            (["a"] * 9, ["b"] * 9),
            {},
            r"dataset.pair_by: no class of 'stimulus' is in every file: rat0.csv holds a; rat1.csv",
        ),
        ((["a"] * 9,), {}, r"dataset.pair_by: there is one file"),
        ((["a"] * 9, ["a"] * 9), {"pair_by": "odour"}, r"dataset.pair_by: rat0.csv has no column 'odour'"),
        ((["a"] * 9, ["a"] * 9), {"group": "day"}, r"dataset.group: none of rat0.csv, rat1.csv has a column 'day'"),
    ],
)
def test_what_cannot_be_paired(tmp_path, classes, more, sentence):
    options, _ = recordings(tmp_path, *classes)
    with pytest.raises(DataError, match=sentence):
        splits_of({**options, **more})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paired")
    options, _ = recordings(folder, ["a", "b", "c"] * 12, ["c", "b", "a"] * 14)
    data = mmgen.load_dataset("table", **options)
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    mmgen.Trainer(epochs=1).fit(model, data, output=str(folder / "run"))
    return folder / "run", data


def test_the_same_files_are_the_same_pairs_again(trained):
    run, data = trained
    again = mmgen.load_run(run)
    for side in ("train", "val", "test"):
        assert again.data.split(side).data["rat1"][:].equal(data.split(side).data["rat1"][:])
    frame = again.encode(split="all")
    assert frame.index.names == ["rat0_row", "rat1_row"] and frame["given"].eq("rat0+rat1").all()
    assert frame.index.is_unique and set(frame["stimulus"]) == {"a", "b", "c"}


def test_new_recordings_are_read_unpaired(trained, tmp_path, command_line):
    run, _ = trained
    recordings(tmp_path, ["a", "b"] * 3, ["b"] * 4)
    write(tmp_path / "rat1.csv", ["x1", "y1"], [[1.5, 100 + n] for n in range(4)])
    out = tmp_path / "z.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, _, err = command_line("encode", str(run), "--data", str(tmp_path), "--out", str(out))
    assert code == 0, err
    frame = pd.read_csv(out, keep_default_na=False)
    assert frame["given"].tolist() == [*["rat0"] * 6, *["rat1"] * 4]
    assert frame["rat0_row"].tolist() == [*map(str, range(6)), *[""] * 4]
    assert frame["rat1_row"].tolist() == [*[""] * 6, *map(str, range(4))]
    assert frame["stimulus"].tolist() == [*"ababab", *[""] * 4]
    (tmp_path / "rat1.csv").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, _, err = command_line("encode", str(run), "--data", str(tmp_path), "--out", str(out))
    assert code == 0, err
    assert len(pd.read_csv(out)) == 6


def test_one_file_of_columns_that_two_recordings_have_is_asked_about(tmp_path):
    draw, odours = np.random.default_rng(0), np.array(["a", "b"] * 8)
    for name in ("one", "two", "new"):
        np.savez(tmp_path / f"{name}.npz", units=draw.poisson(2, size=(16, 3)), odour=odours)
    modalities = {
        name: {"path": tmp_path / f"{name}.npz", "array": "units", "kind": "counts"} for name in ("one", "two")
    }
    data = mmgen.load_dataset("table", pair_by="odour", modalities=modalities)
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    run = mmgen.Trainer(epochs=1).fit(model, data, output=str(tmp_path / "run"))
    sentence = r"'units' of one and of two, and new\.npz has one; say whose.* `modalities: {one: {path: new\.npz}}`"
    with pytest.raises(DataError, match=sentence):
        run.encode(tmp_path / "new.npz")
    (tmp_path / "new.yaml").write_text("modalities: {one: {path: new.npz}}")
    with pytest.warns(mmgen.errors.DataWarning, match="There is no file of two"):
        assert len(run.encode(tmp_path / "new.yaml")) == 16


def test_ids_say_which_trials_are_paired(tmp_path):
    for number in range(2):
        rows = [[f"t{number}-{n}", number + 0.5, n, "ab"[n % 2]] for n in range(20)]
        write(tmp_path / f"rat{number}.csv", ["trial", f"x{number}", f"y{number}", "stimulus"], rows)
    modalities = {f"rat{i}": {"path": str(tmp_path / f"rat{i}.csv"), "kind": "vector"} for i in range(2)}
    splits = splits_of({"pair_by": "stimulus", "id": "trial", "modalities": modalities})
    identity = splits.train.identity
    pairs = pairs_of(splits, 2)["train"]
    assert identity.ids is None
    assert identity.id_columns["rat0_trial"].tolist() == [f"t0-{one}" for one, _, _ in pairs]
    assert identity.id_columns["rat1_trial"].tolist() == [f"t1-{other}" for _, other, _ in pairs]
    assert np.array(splits.modalities["rat0"].columns).tolist() == ["x0", "y0"]


def measured(folder: Path, rows: int = 40, seed: int = 0) -> list[list[list]]:
    """Two files of real numbers, and their rows."""
    files = []
    for number in range(2):
        draw = np.random.default_rng(10 * seed + number)
        rows_of_file = [[*draw.normal(size=3).tolist(), "ab"[n % 2]] for n in range(rows + 6 * number)]
        write(folder / f"rat{number}.csv", [f"{name}{number}" for name in "xyz"] + ["stimulus"], rows_of_file)
        files.append(rows_of_file)
    return files


@pytest.fixture(scope="module")
def paired_run(tmp_path_factory):
    """A run on two files, and side to the rows of each file that it had there."""
    folder = tmp_path_factory.mktemp("measured")
    files = measured(folder)
    modalities = {f"rat{n}": {"path": str(folder / f"rat{n}.csv"), "kind": "vector", "hidden": [4]} for n in range(2)}
    data = mmgen.load_dataset("table", pair_by="stimulus", modalities=modalities)
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    mmgen.Trainer(epochs=1).fit(model, data, output=str(folder / "run"))
    had = {
        side: [set(map(int, data.split(side).identity.id_columns[f"rat{n}_row"])) for n in range(2)]
        for side in ("train", "val", "test")
    }
    return folder / "run", files, had


def sides_by_row(had, number: int, count: int) -> list[str]:
    return [next((side for side, rows in had.items() if n in rows[number]), "new") for n in range(count)]


def sides_of(run: Path, data) -> tuple[dict[int, str], list[str]]:
    """Side of each row of other data, and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        opened = mmgen.load_run(run, dataset=data).data
        tables = {side: opened.split(side) for side in ("train", "val", "test")}
        tables |= {} if opened.new is None else {"new": opened.new}
    found = {row: side for side, table in tables.items() for row in table.rows.tolist()}
    return found, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("number", [0, 1])
def test_rows_of_one_file_are_where_the_run_had_them(paired_run, number, tmp_path, command_line):
    """Whatever order they are in; a row that no pair has was not trained on."""
    run, files, had = paired_run
    names = [f"{name}{number}" for name in "xyz"]
    order = np.random.default_rng(3).permutation(len(files[number])).tolist()
    write(tmp_path / f"rat{number}.csv", names, [files[number][n][:3] for n in order])
    expected = sides_by_row(had, number, len(order))
    assert Counter(expected)["train"] > 20 and ("new" in expected) == (number == 1)
    frame = pd.DataFrame([files[number][n][:3] for n in order], columns=names)
    for data in (tmp_path, frame):
        assert sides_of(run, data)[0] == {at: expected[n] for at, n in enumerate(order)}
    out = tmp_path / "z.csv"
    options = ("--data", tmp_path, "--split", "new", "--out", out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, _, err = command_line("encode", *map(str, (run, *options)))
    if number == 0:
        assert code == 2 and "There are no new rows: each of these was a training" in err
    else:
        assert code == 0 and pd.read_csv(out)["row"].tolist() == [n for n in range(46) if expected[order[n]] == "new"]


def test_rows_that_are_paired_otherwise_are_never_less_than_trained_on(paired_run, tmp_path):
    """The run's rows and further ones: pairs are drawn anew, so the files are read unpaired."""
    run, files, had = paired_run
    more = [measured(tmp_path, seed=1)[number][:9] for number in range(2)]
    for number in range(2):
        names = [f"{name}{number}" for name in "xyz"] + ["stimulus"]
        write(tmp_path / f"rat{number}.csv", names, [*more[number], *files[number]])
    expected = [side for n in range(2) for side in ["new"] * 9 + sides_by_row(had, n, len(files[n]))]
    found, said = sides_of(run, tmp_path)
    assert found == dict(enumerate(expected))
    assert not any("are not in" in sentence for sentence in said)


def test_an_edited_file_is_paired_as_before(paired_run, tmp_path):
    run, files, had = paired_run
    row = min(had["test"][0])
    for number in range(2):
        rows = [[*each] for each in files[number]]
        if number == 0:
            rows[row][0] += 1.0
        write(tmp_path / f"rat{number}.csv", [f"{name}{number}" for name in "xyz"] + ["stimulus"], rows)
    found, _ = sides_of(run, tmp_path)
    assert Counter(found.values()) == {side: len(rows[0]) for side, rows in had.items()}  # by its other part


def test_a_row_of_parts_of_two_sides_is_a_training_row(paired_run, tmp_path):
    run, files, had = paired_run
    firsts = {side: [min(rows) for rows in had[side]] for side in had}
    pairs = [("train", "test"), ("test", "val"), ("test", "test"), ("new", "val"), ("new", "new")]
    rows = []
    for one, other in pairs:
        left = files[0][firsts[one][0]][:3] if one != "new" else [7.5, 8.25, 1.125]
        right = files[1][firsts[other][1]][:3] if other != "new" else [4.5, 6.75, 2.125]
        rows.append([*left, *right])
    frame = pd.DataFrame(rows, columns=[f"{name}{n}" for n in range(2) for name in "xyz"])
    found, said = sides_of(run, frame)
    assert found == {0: "train", 1: "val", 2: "test", 3: "val", 4: "new"}
    assert any(
        "2 of the 5 rows of the data in memory have modalities of rows of several sides" in each for each in said
    ), said
