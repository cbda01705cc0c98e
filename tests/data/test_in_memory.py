"""Data in memory: how their rows come together, what their values are taken for, and what a run makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen.data.own_table.alignment import align, as_piece
from mmgen.data.own_table.guessed_kinds import guess_kind

ROWS = 60
NAMES = [f"s{row}" for row in range(ROWS)]
DRAW = np.random.default_rng(0)
GENES = pd.DataFrame(DRAW.normal(size=(ROWS, 3)), index=NAMES, columns=["a", "b", "c"])
COUNTS = pd.DataFrame(DRAW.poisson(3, size=(ROWS, 2)), index=NAMES, columns=["a", "q"])
CLASSES = pd.Series(["u", "v"] * 30, index=NAMES)
QUICK: dict[str, Any] = {"epochs": 1, "latent_dim": 2, "quiet": True}


def everything(data: mmgen.Data) -> mmgen.Table:
    return data.split("all")


def names_of(table: mmgen.Table) -> list[str]:
    assert table.identity is not None and table.identity.ids is not None
    return table.identity.ids.tolist()


def column_of(values: pd.DataFrame | np.ndarray, column: str) -> list[Any]:
    assert isinstance(values, pd.DataFrame)
    return values[column].tolist()


def test_frames_and_arrays_become_modalities_with_their_names() -> None:
    data = mmgen.load_dataset({"genes": GENES, "counts": COUNTS.to_numpy()}, label=CLASSES.to_numpy())
    assert {name: type(modality) for name, modality in data.modalities.items()} == {
        "genes": mmgen.VectorModality,
        "counts": mmgen.CountsModality,
    }
    assert data.modalities["genes"].columns == ("a", "b", "c")
    rows = everything(data)
    torch.testing.assert_close(rows.data["genes"], torch.tensor(GENES.to_numpy(), dtype=torch.float32))
    torch.testing.assert_close(rows.data["counts"], torch.tensor(COUNTS.to_numpy(), dtype=torch.float32))
    assert rows.labels["label"].tolist() == [0, 1] * 30
    assert data.labels == {"label": ("u", "v")}
    assert names_of(rows) == NAMES
    assert data.notes == (
        "Modalities are taken for what their values look like: genes vector, counts counts; where one is something "
        'else, say modalities={"genes": {"kind": "counts"}}.',
    )


def test_rows_are_joined_by_their_index() -> None:
    fewer = COUNTS.iloc[10:][::-1].rename({"s59": "new"})
    data = mmgen.load_dataset({"genes": GENES, "counts": fewer, "y": CLASSES[::-1]}, label="y")
    rows = everything(data)
    assert names_of(rows) == [*NAMES, "new"]
    assert rows.available[:, 0].tolist() == [True] * ROWS + [False]
    assert rows.available[:, 1].tolist() == [False] * 10 + [True] * 49 + [False, True]
    torch.testing.assert_close(rows.data["counts"][20], torch.tensor(COUNTS.loc["s20"].to_numpy(), dtype=torch.float32))
    assert rows.labels["y"].tolist() == [0, 1] * 30 + [-1]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7), min_size=1))
def test_the_join_is_that_of_pandas(order: list[int], kept: set[int]) -> None:
    one = pd.DataFrame({"x": np.arange(8.0)}, index=[f"r{row}" for row in range(8)])
    other = pd.DataFrame({"y": np.arange(8.0)}, index=one.index).iloc[[row for row in order if row in kept]]
    values, names = align({"one": as_piece("one", one), "other": as_piece("other", other)})
    joined = one.join(other, how="outer")
    assert names is not None and names.tolist() == joined.index.tolist()
    for name, column in (("one", "x"), ("other", "y")):
        np.testing.assert_array_equal(column_of(values[name], column), joined[column].tolist())


def test_an_index_that_pandas_made_is_none_unless_another_has_whole_numbers() -> None:
    plain = pd.DataFrame({"x": np.arange(4.0)})
    assert align({"a": as_piece("a", plain), "b": as_piece("b", np.zeros((4, 2)))})[1] is None
    shuffled = plain.iloc[[2, 0, 3, 1]]
    values, names = align({"a": as_piece("a", shuffled), "b": as_piece("b", plain)})
    assert names is not None and names.tolist() == [2, 0, 3, 1]
    assert column_of(values["b"], "x") == [2, 0, 3, 1]
    words = plain.set_axis(list("wxyz"))
    values, _ = align({"a": as_piece("a", words), "b": as_piece("b", plain)})
    assert column_of(values["b"], "x") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([[0.5, 1.0]]), "vector"),
        (np.array([[-1, 2]]), "vector"),
        (np.array([[0.0, np.nan], [3.0, 4.0]]), "counts"),
        (np.array([[0, 1], [1, 1]]), "tags"),
        (np.array([[True, False]]), "tags"),
        (torch.tensor([[0.25, 3]], dtype=torch.bfloat16), "vector"),
        (np.zeros((2, 8, 8), np.uint8), "image"),
        (np.zeros((2, 3, 8, 8), np.uint8), "image"),
        (np.zeros((2, 8, 8, 1), np.uint8), "image"),
        (np.full((2, 5, 8, 8), 7, np.uint8), "counts"),
        (np.array(["x", "y"]), "labels"),
        (["x", None], "labels"),
        (pd.Series(pd.Categorical([1, 2])), "labels"),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1]}), "mixed"),
        (pd.DataFrame({"a": [0.5, 2], "b": ["x", "y"]}), "mixed"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [0.5, 1.5]}), "vector"),
        (pd.DataFrame({"a": [True, False], "b": [0, 5]}), "mixed"),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [0, 5]}), "counts"),
    ],
)
def test_kinds_are_guessed(values: Any, kind: str) -> None:
    assert guess_kind("it", as_piece("it", values).values) == kind


def test_options_go_before_guesses() -> None:
    data = mmgen.load_dataset(
        {"genes": GENES, "counts": COUNTS},
        modalities={"counts": {"kind": "vector", "columns": "q"}, "genes": {"kind": "vector", "hidden": [8]}},
    )
    assert data.modalities["counts"].columns == ("q",)
    assert data.modalities["genes"].hidden == (8,)  # type: ignore[attr-defined]
    assert data.notes == ()


def test_nan_are_missing_cells() -> None:
    genes = GENES.copy()
    genes.loc["s3", "b"] = np.nan
    genes.loc["s5"] = np.nan
    rows = everything(mmgen.load_dataset({"genes": genes, "counts": COUNTS}))
    assert rows.available[5].tolist() == [False, True]
    assert rows.observed_cells("genes")[3:6].tolist() == [[True, False, True], [True] * 3, [False] * 3]


def test_groups_are_never_torn_and_roles_may_be_lists() -> None:
    groups = [f"subject {row // 4}" for row in range(ROWS)]
    data = mmgen.load_dataset({"genes": GENES.to_numpy()}, group=groups, id=NAMES, test_fraction=0.4, seed=3)
    sides = [{int(name[1:]) // 4 for name in names_of(data.split(side))} for side in ("train", "val", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 15


def test_a_split_and_covariates_are_given_by_values() -> None:
    split = np.where(np.arange(ROWS) < 40, "train", np.where(np.arange(ROWS) < 50, "val", "test"))
    site, age = np.array(["n", "s"] * 30), np.linspace(20, 50, ROWS)
    data = mmgen.load_dataset({"genes": GENES.to_numpy()}, split=split, covariates={"site": site, "age": age})
    assert [len(data.split(side)) for side in ("train", "val", "test")] == [40, 10, 10]
    assert data.covariates == {"site": ("n", "s"), "age": ()}
    said = mmgen.load_dataset({"genes": GENES.to_numpy(), "site": site}, covariates={"site": "category"})
    assert said.covariates == {"site": ("n", "s")} and set(said.modalities) == {"genes"}


def test_nothing_is_stale() -> None:
    first = mmgen.load_dataset({"x": np.zeros((50, 3)) + np.arange(50)[:, None] / 3})
    second = mmgen.load_dataset({"x": np.ones((80, 3)) + np.arange(80)[:, None] / 7})
    assert (len(everything(first)), len(everything(second))) == (50, 80)
    assert float(everything(second).data["x"][0][0]) == 1


def test_images_are_read_from_bytes() -> None:
    scans = DRAW.integers(0, 256, size=(ROWS, 8, 8, 3), dtype=np.uint8)
    data = mmgen.load_dataset({"scans": scans, "genes": GENES.to_numpy()})
    assert data.modalities["scans"].shape == (3, 8, 8)
    assert everything(data).data["scans"][7].tolist() == np.moveaxis(scans[7], 2, 0).tolist()


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ({"a": np.zeros((4, 1)), "b": np.zeros((5, 1))}, {}, ["data['a'] has 4 rows", "data['b'] has 5"]),
        ({"a": GENES, "b": np.zeros((5, 1))}, {}, ["data['a'] has 60 rows", "data['b'] has 5"]),
        ({"a": GENES.set_axis(["s"] * ROWS)}, {}, ["index of data['a'] holds 's' twice", "group"]),
        ({"a": GENES, "b": COUNTS[::-1]}, {"label": np.arange(ROWS)}, ["data['label'] has no index", "differ"]),
        ({"a": GENES, "b": COUNTS.set_axis(range(5, 65))}, {}, ["'s0'", "5", "words or of numbers"]),
        ({"a": pd.concat([GENES, GENES], axis=1)}, {}, ["data['a'] has the column 'a' twice"]),
        ({"a": object()}, {}, ["data['a'] is a object", "NumPy array"]),
        ({"a": np.zeros((0, 3))}, {}, ["data['a'] has no rows"]),
        ({"a": np.array(3.0)}, {}, ["data['a'] is a single value"]),
        ({"a": GENES}, {"label": "y"}, ["dataset.label", "'y'", "a"]),
        ({"a": GENES}, {"modalities": {"b": {"kind": "vector"}}}, ["dataset.modalities", "'b'"]),
        ({"a": GENES}, {"label": GENES}, ["'label' has 3 values per row"]),
        ({"a": GENES, "label": CLASSES}, {"label": CLASSES}, ["have an entry", "rename"]),
        ({"a": NAMES}, {}, ["data['a'] has 60 different words", "kind: text"]),
        ({"a": pd.Series(pd.date_range("2020", periods=9))}, {}, ["datetime64", "as numbers"]),
        ({"a": np.array([[0.5], [np.inf]])}, {}, ["the array 'a' of data['a'] holds inf in row 1"]),
        (
            {"a": GENES, "b": COUNTS - 5},
            {"modalities": {"b": {"kind": "counts"}}},
            ["of data['b'] holds", "a count is"],
        ),
        ({1: GENES}, {}, ["data[1]", "words"]),
        ({"y": CLASSES}, {"label": "y"}, ["no modality among the data"]),
        ({}, {}, ["no modality among the data"]),
    ],
)
def test_what_cannot_be_is_a_sentence(data: Any, options: Any, words: list[str]) -> None:
    with pytest.raises(mmgen.MmgenError) as caught:
        mmgen.load_dataset(data, **options)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message and message.endswith(".")


def test_a_run_is_opened_again_with_the_same_data(tmp_path: Any) -> None:
    data = {"genes": GENES, "counts": COUNTS}
    site = pd.Series(["n", "s"] * 30, index=NAMES)
    run = mmgen.train("mvtcae", data, label=CLASSES, covariates={"site": site}, output=tmp_path / "run", **QUICK)
    latents = run.encode(split="all")
    assert latents.index.tolist() == NAMES and latents["label"].tolist() == CLASSES.tolist()
    again = mmgen.load_run(tmp_path / "run", dataset={**data, "label": CLASSES, "site": site})
    pd.testing.assert_frame_equal(again.encode(split="all"), latents)
    assert not again.reads_other_data

    without_rows = mmgen.load_run(tmp_path / "run")
    assert without_rows.model.modalities["genes"].columns == ("a", "b", "c")
    with pytest.raises(mmgen.MmgenError, match="give it: load_run"):
        without_rows.encode()
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert "mmgen train --config cannot find again" in config["dataset"]["source"]
    with pytest.raises(mmgen.DataError, match="mmgen train --config cannot find again"):
        mmgen.train(config=tmp_path / "run" / "config.yaml", quiet=True)


def test_new_rows_are_read_as_the_run_reads_them(tmp_path: Any) -> None:
    mmgen.train("mvtcae", {"genes": GENES, "counts": COUNTS}, label=CLASSES, output=tmp_path / "run", **QUICK)
    new = pd.DataFrame(DRAW.normal(size=(4, 3)), columns=["c", "b", "a"], index=list("wxyz"))
    run = mmgen.load_run(tmp_path / "run", dataset={"genes": new})
    with pytest.warns(UserWarning, match="None of the 4 rows"):
        rows = run.data.split("new")
    assert names_of(rows) == list("wxyz")
    torch.testing.assert_close(
        rows.data["genes"], torch.tensor(new[["a", "b", "c"]].to_numpy().copy(), dtype=torch.float32)
    )
    assert run.encode().index.tolist() == list("wxyz")
    with pytest.raises(mmgen.DataError, match="the run has no such modality"):
        _ = mmgen.load_run(tmp_path / "run", dataset={"others": new}).data


def test_settings_of_a_training_say_what_the_data_are() -> None:
    run = mmgen.train(
        "mvtcae",
        {"genes": GENES, "counts": COUNTS},
        id=[f"row {row}" for row in range(ROWS)],
        val_fraction=0.2,
        seed=5,
        modalities={"all": {"hidden": [8]}, "counts": {"kind": "vector"}},
        **QUICK,
    )
    assert isinstance(run.model.modalities["counts"], mmgen.VectorModality)
    assert run.model.modalities["genes"].hidden == (8,)  # type: ignore[attr-defined]
    assert run.config["training"]["seed"] == 5 and run.config["dataset"]["seed"] == 0
    assert run.encode(split="all").index[0] == "row 0"


def test_a_training_goes_on_with_the_same_data_only(tmp_path: Any) -> None:
    data = {"genes": GENES, "counts": COUNTS}
    mmgen.train("mvtcae", data, output=tmp_path / "run", **QUICK)
    longer = mmgen.train("mvtcae", data, output=tmp_path / "run", resume=True, **{**QUICK, "epochs": 2})
    assert len(longer.history) == 2
    with pytest.raises(mmgen.MmgenError, match="the data are not those"):
        mmgen.train("mvtcae", {**data, "genes": GENES + 1}, output=tmp_path / "run", resume=True, **QUICK)


def test_a_run_on_a_file_reads_rows_in_memory(tmp_path: Any) -> None:
    GENES.join(COUNTS[["q"]]).assign(y=CLASSES).to_csv(tmp_path / "my.csv", index_label="id")
    modalities = {"genes": {"columns": ["a", "b", "c"], "kind": "vector"}, "q": {"columns": "q", "kind": "counts"}}
    table = {"name": "table", "path": tmp_path / "my.csv", "modalities": modalities, "label": "y"}
    run = mmgen.train("mvtcae", table, output=tmp_path / "run", **QUICK)
    again = mmgen.load_run(tmp_path / "run", dataset={"genes": GENES, "q": COUNTS[["q"]], "y": CLASSES})
    pd.testing.assert_frame_equal(again.encode(split="test"), run.encode(split="test"))
