"""Cells that are missing alone: read from every kind of file, told apart, withheld, and never looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import mmgen
from mmgen.data import Indexed, Provenance, Splits, Table, missing
from mmgen.data.cache import cached_splits
from mmgen.data.census import census, empty_cells
from mmgen.data.describing import describe_modality
from mmgen.data.identity import content_keys, row_turns
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.data.prepared import read_prepared, write_prepared
from mmgen.data.transforms import Standardise
from mmgen.testing import ToyDataset, all_rows, raises_sentence

NAN = np.nan
CELLS = np.array([[0.5, NAN, 2.0], [NAN, 0.0, -1.0], [NAN, NAN, NAN], [1.5, 2.5, 3.5], [0.0, 0.0, -1.0]])
VECTOR = {"genes": {"columns": ["g0", "g1", "g2"], "kind": "vector"}, "other": {"columns": "o", "kind": "vector"}}
ARRAY = {"genes": {"array": "genes", "kind": "vector"}, "other": {"array": "o", "kind": "vector"}}


def table(path: Path, modalities=VECTOR, **options) -> OwnTable:
    return OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": modalities, **options}))


def write(folder: Path, text: str, name: str = "my.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def columns(cells=CELLS) -> dict[str, list]:
    named = {f"g{i}": [None if np.isnan(cell) else cell for cell in cells[:, i].tolist()] for i in range(3)}
    return {**named, "o": [float(row) for row in range(len(cells))]}


def write_kind(kind: str, folder: Path) -> tuple[Path, dict]:
    path = folder / f"my.{kind.split('-')[0]}"
    made = columns()
    if kind == "csv":
        lines = [",".join("" if cell is None else repr(cell) for cell in row) for row in zip(*made.values())]
        return write(folder, "\n".join([",".join(made), *lines])), VECTOR
    if kind == "json":
        path.write_text(json.dumps([dict(zip(made, row)) for row in zip(*made.values())]), encoding="utf-8")
        return path, VECTOR
    if kind == "parquet":
        datasets.Dataset.from_dict(made).to_parquet(path)
        return path, VECTOR
    if kind == "parquet-lists":
        lists = [[None if np.isnan(cell) else cell for cell in row] for row in CELLS.tolist()]
        datasets.Dataset.from_dict({"genes": lists, "o": made["o"]}).to_parquet(path)
        return path, {"genes": ARRAY["genes"], "other": VECTOR["other"]}
    save = np.savez if kind == "npz" else lambda place, **arrays: save_file(arrays, place)
    save(path, genes=CELLS, o=np.array(made["o"]))
    return path, ARRAY


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "parquet-lists", "npz", "safetensors"])
def test_every_kind_of_file_says_the_same_of_its_cells(kind, tmp_path):
    path, modalities = write_kind(kind, tmp_path)
    made = table(path, modalities)
    splits = made.splits()
    rows = all_rows(splits)
    assert rows.data["genes"].tolist() == np.nan_to_num(CELLS).tolist()
    assert rows.observed["genes"].tolist() == (~np.isnan(CELLS)).tolist()
    assert list(rows.observed) == ["genes"]
    assert rows.available.tolist() == [[True, True], [True, True], [False, True], [True, True], [True, True]]
    assert (made.modalities()["genes"].missing, made.modalities()["other"].missing) == ("cell", "modality")
    assert splits.facts["cells_missing"] == {"genes": 2}
    assert splits.facts["rows_missing"] == {"genes": 1, "other": 0}
    (note,) = splits.notes
    assert note.startswith("genes: 2 of 5 rows have 2 empty cells among its 3 ")
    assert note.endswith("and 1 of 5 rows have none of it.")


@pytest.mark.parametrize("kind", ["vector", "counts", "tags"])
def test_a_row_may_be_missing_as_a_whole(kind, tmp_path):
    path = write(tmp_path, "a,b,o\n1,,1\n0,1,2\n,,3\n")
    described = {"it": {"columns": ["a", "b"], "kind": kind}, "other": VECTOR["other"]}
    assert all_rows(table(path, described).splits()).observed["it"].tolist() == [[1, 0], [1, 1], [0, 0]]
    whole = table(path, {**described, "it": {**described["it"], "missing": "modality"}})
    rows = all_rows(whole.splits())
    assert (rows.available[:, 0].tolist(), dict(rows.observed)) == ([False, True, False], {})
    assert rows.data["it"].tolist() == [[0, 0], [0, 1], [0, 0]]
    assert whole.modalities()["it"].missing == "modality"


def test_where_no_row_is_in_parts_all_is_as_it_was(tmp_path):
    path = write(tmp_path, "g0,g1,g2,o\n1,2,3,1\n,,,2\n4,5,6,3\n")
    made = table(path)
    assert made.modalities()["genes"].missing == "modality"
    assert not all_rows(made.splits()).observed
    asked = table(path, {**VECTOR, "genes": {**VECTOR["genes"], "missing": "cell"}})
    assert asked.modalities()["genes"].missing == "cell"
    assert not all_rows(asked.splits()).observed


@pytest.mark.parametrize("kind", ["text", "labels", "image"])
def test_other_kinds_are_there_as_a_whole(kind, tmp_path):
    path = write(tmp_path, "word,o\nx,1\ny,2\n")
    if kind == "image":
        np.savez(tmp_path / "my.npz", word=np.arange(128, dtype=np.uint8).reshape(2, 8, 8), o=np.arange(2.0))
        path = tmp_path / "my.npz"
    described = {
        "word": {"array" if kind == "image" else "columns": "word", "kind": kind, "missing": "cell"},
        "other": ARRAY["other"] if kind == "image" else VECTOR["other"],
    }
    with raises_sentence(r"modalities\.word.*missing: cell is for vectors, counts, tags and mixed columns"):
        table(path, described).splits()


def test_a_pixel_that_is_not_a_number_still_takes_the_picture(tmp_path):
    scan = np.random.default_rng(0).random((4, 8, 8))
    scan[1, 2, 3] = np.nan
    np.savez(tmp_path / "my.npz", scan=scan, o=np.arange(4.0))
    described = {"scan": {"array": "scan", "kind": "image"}, "other": ARRAY["other"]}
    assert all_rows(table(tmp_path / "my.npz", described).splits()).available[:, 0].tolist() == [1, 0, 1, 1]


def test_a_column_that_no_training_row_has_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    sides = ["train"] * 4 + ["val", "test"]
    lines = [f"{side},{row},{row if side == 'test' else ''},{row}" for row, side in enumerate(sides)]
    path = write(tmp_path, "\n".join(["side,g0,g1,g2", *lines]))
    options = {"path": path, "split": "side", "modalities": {"genes": {"columns": "g*", "kind": "vector"}}}
    with raises_sentence(
        r"modalities\.genes: no training row has a value of 'g1', of which nothing .*; leave it out\."
    ):
        mmgen.load_dataset("table", **options)


def test_a_run_decides_whether_cells_or_rows_are_missing(tmp_path, monkeypatch):
    """New rows are read as those that a run was trained on, whatever is empty in their file."""
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    full = [f"{a:.3f},{b:.3f},{o:.3f}" for a, b, o in draw.normal(size=(20, 3))]
    gaps = [f"{a:.3f},,{o:.3f}" for a, b, o in draw.normal(size=(6, 3))]
    described = {"genes": {"columns": ["g0", "g1"], "kind": "vector"}, "other": VECTOR["other"]}

    def made(name, lines):
        return table(write(tmp_path, "\n".join(["g0,g1,o", *lines]), name), described)

    whole = mmgen.open_dataset("table", made("full.csv", full))
    parts = mmgen.open_dataset("table", made("both.csv", [*full, *gaps]))

    def read(run, name, lines):
        identities = [run.split(side).identity for side in ("train", "val", "test")]
        schema = mmgen.data.Schema(run.modalities, run.labels, mmgen.data.Sides.of(identities))
        return mmgen.open_dataset("table", made(name, lines), schema=schema, fingerprint=run.fingerprint)

    new = read(whole, "gaps.csv", gaps)
    assert (new.modalities["genes"].missing, dict(new.new.observed)) == ("modality", {})
    assert not new.new.available[:, 0].any()
    new = read(parts, "gaps2.csv", gaps)
    assert new.new is None  # they were rows of that run
    assert sorted(new.split("all").observed["genes"].tolist()) == [[True, False]] * 6
    new = read(parts, "full2.csv", full)
    assert (new.modalities["genes"].missing, dict(new.train.observed)) == ("cell", {})
    assert new.split("all").available.all()


class Gaps(ToyDataset):
    """A dataset of another kind than one's own table, with empty cells or without."""

    by_cell = True

    def modalities(self):
        made = super().modalities()
        return {**made, "vector": made["vector"].model_copy(update={"missing": "cell"})} if self.by_cell else made

    def splits(self):
        if not self.by_cell:
            return super().splits()

        def with_gaps(table):
            cells = (torch.arange(len(table))[:, None] + torch.arange(5)) % 4 > 0
            return replace(
                table, data={**table.data, "vector": table.data["vector"] * cells}, observed={"vector": cells}
            )

        return super().splits().with_tables(with_gaps)


def test_rows_in_parts_of_any_dataset_are_lost_to_a_run_that_knows_whole_ones():
    made = Gaps()
    run = mmgen.open_dataset("gaps", made)
    assert list(run.train.observed) == ["vector"]
    whole = {**run.modalities, "vector": run.modalities["vector"].model_copy(update={"missing": "modality"})}
    read = mmgen.open_dataset("gaps", made, schema=mmgen.data.Schema(whole, run.labels), fingerprint="of another time")
    assert not read.train.observed
    complete = run.train.observed["vector"].all(1)
    lost = sum(int((~run.split(side).observed["vector"].all(1)).sum()) for side in ("train", "val", "test"))
    assert f"vector: {lost} rows lose it to empty cells, because the run knows it as a whole." in read.notes
    assert torch.equal(read.train.available[:, 0], complete)
    assert torch.equal(read.train.data["vector"], run.train.data["vector"] * complete[:, None])


# Which row is which ---------------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(*[st.sampled_from([None, 0.0, 1.0])] * 3, st.booleans()), min_size=1, max_size=20
)  # three cells, and whether there is another modality


@given(ROWS)
def test_rows_are_equal_where_their_cells_are(rows):
    values = {
        "a": np.array([[cell or 0.0 for cell in row[:3]] for row in rows], dtype=np.float32),
        "b": np.zeros((len(rows), 1), dtype=np.float32),
    }
    cells = np.array([[cell is not None for cell in row[:3]] for row in rows])
    keys = content_keys(values, np.array([[any(has), row[3]] for has, row in zip(cells, rows)]), {"a": cells})
    seen: dict[tuple, int] = {}
    turns = []
    for row in rows:
        seen[row] = seen.get(row, -1) + 1
        turns.append((*row, seen[row]))
    assert (keys[:, 1] != 0).tolist() == [row[3] for row in rows]
    keys = [*zip(*keys.T.tolist(), row_turns(keys).tolist())]
    assert len(set(keys)) == len(set(turns)) == len(rows)
    again = content_keys(
        {name: block[::-1] for name, block in values.items()},
        np.array([[any(has), row[3]] for has, row in zip(cells, rows)])[::-1],
        {"a": cells[::-1]},
    )
    assert sorted(zip(*again.T.tolist(), row_turns(again).tolist())) == sorted(keys)


def test_a_complete_row_has_the_key_that_it_has_without_a_mask():
    values = {"a": np.ones((2, 3), dtype=np.float32)}
    available = np.ones((2, 1), dtype=bool)
    cells = np.array([[True] * 3, [True, False, True]])
    first, second = content_keys(values, available).tolist(), content_keys(values, available, {"a": cells}).tolist()
    assert first[0] == second[0]
    assert first[1] != second[1]


# Tables ---------------------------------------------------------------------------------------------------------------


def some_rows(count: int = 6) -> Table:
    draw = torch.Generator().manual_seed(0)
    cells = torch.rand(count, 3, generator=draw) > 0.4
    cells[:, 0] = True
    return Table.of(
        {"a": torch.rand(count, 3, generator=draw) * cells, "b": torch.rand(count, 2, generator=draw)},
        covariates={"site": torch.arange(count) % 3 - 1, "age": torch.arange(count).float()},
        observed={"a": cells},
    )


def test_everything_that_goes_over_rows_goes_over_their_cells_and_covariates(tmp_path):
    rows = some_rows()
    rows.save(tmp_path / "t.safetensors")
    index = torch.tensor([4, 1, 1])
    for each in (rows, Table.open(tmp_path / "t.safetensors"), rows.to("cpu"), rows[:], rows[:].to("cpu")):
        picked = each[index]
        assert torch.equal(picked.observed["a"], rows.observed["a"][index])
        assert picked.covariates["site"].tolist() == [0, 0, 0]
        assert picked.covariates["age"].tolist() == [4, 1, 1]
    one = rows.select(index)
    assert torch.equal(one.observed["a"], rows.observed["a"][index]) and one.covariates["age"].tolist() == [4, 1, 1]
    both = Table.concatenate([rows, one])
    assert torch.equal(both.observed["a"], torch.cat([rows.observed["a"], one.observed["a"]]))
    assert both.covariates["site"].tolist() == [*rows.covariates["site"].tolist(), 0, 0, 0]


def test_rows_with_a_mask_and_rows_without_become_one_table():
    rows = some_rows()
    available = torch.ones(6, 2, dtype=torch.bool)
    available[2, 0] = False
    plain = replace(some_rows(), observed={}, available=available)
    for parts in ([rows, plain], [plain, rows]):
        both = Table.concatenate(parts)
        assert list(both.observed) == ["a"]
        expected = {id(rows): rows.observed["a"], id(plain): available[:, :1].expand(6, 3)}
        assert torch.equal(both.observed["a"], torch.cat([expected[id(part)] for part in parts]))


def test_a_fingerprint_is_of_cells_and_covariates_too(tmp_path):
    made = Splits(
        some_rows(), some_rows(), some_rows(), Provenance("simulated", "x"), covariates={"site": ("n", "s"), "age": ()}
    )
    fingerprints = []
    cells = {"a": some_rows().observed["a"].roll(1, 0)}
    ages = {**some_rows().covariates, "age": torch.zeros(6)}
    for number, splits in enumerate(
        (
            made,
            replace(made, train=replace(made.train, observed=cells)),
            replace(made, test=replace(made.test, covariates=ages)),
            replace(made, covariates={"site": ("n", "w"), "age": ()}),
            made,
        )
    ):
        (tmp_path / str(number)).mkdir()
        write_prepared(tmp_path / str(number), splits)
        found, fingerprint = read_prepared(tmp_path / str(number))
        assert found.covariates == splits.covariates
        assert torch.equal(found.train.observed["a"], splits.train.observed["a"])
        fingerprints.append(fingerprint)
    assert fingerprints[0] == fingerprints[4]
    assert len(set(fingerprints)) == 4


@settings(max_examples=20, deadline=None)
@given(st.randoms())
def test_the_order_of_rows_and_columns_means_nothing(tmp_path_factory, random):
    """Rows are recognised, and have their cells and covariates, however a file is turned."""
    folder = tmp_path_factory.mktemp("turned")
    draw = np.random.default_rng(3)
    names = ["g0", "g1", "g2", "site", "age"]
    lines = []
    for row in range(30):
        cells = [("" if draw.random() < 0.3 else f"{value:.3f}") for value in draw.normal(size=3)]
        lines.append([*cells, ("n", "s", "")[row % 3], "" if row % 7 == 0 else f"{30 + row / 2}"])
    described = {"genes": {"columns": "g*", "kind": "vector"}}

    def read(name, fields, order, schema=None):
        text = "\n".join(
            ",".join(each) for each in [fields, *([lines[row][names.index(f)] for f in fields] for row in order)]
        )
        dataset = table(write(folder, text, name), described, covariates=["site", "age"])
        dataset.schema = schema
        return dataset.splits()

    first = read("a.csv", names, range(30))
    fields, order = random.sample(names, 5), random.sample(range(30), 30)
    sides = mmgen.data.Sides.of([getattr(first, side).identity for side in ("train", "val", "test")])
    schema = mmgen.data.Schema(first.modalities, {}, sides, first.covariates)
    second = read("b.csv", fields, order, schema)
    assert second.new is None
    for side in ("train", "val", "test"):
        one, two = getattr(first, side), getattr(second, side)
        place = {row: at for at, row in enumerate(order[number] for number in two.rows.tolist())}
        at = torch.tensor([place[row] for row in one.rows.tolist()])
        assert torch.equal(one.data["genes"], two.data["genes"][at])
        assert torch.equal(one.observed["genes"], two.observed["genes"][at])
        assert torch.equal(one.covariates["site"], two.covariates["site"][at])
        assert torch.equal(one.covariates["age"].nan_to_num(-1), two.covariates["age"][at].nan_to_num(-1))


# Cells that are withheld ----------------------------------------------------------------------------------------------

KINDS = ("vector", "counts", "tags", "text")


def withheld(kinds=KINDS, rows=400, lacking=0.0, **options):
    dataset = ToyDataset(kinds, rows, lacking)
    config = mmgen.DatasetConfig.model_validate(options)
    modalities = missing.with_missing_cells(dataset.modalities(), config)
    tables, remark = missing.withhold(dataset.splits(), modalities, config)
    return dataset.splits(), SimpleNamespace(tables=tables, modalities=modalities, remark=remark)


@pytest.mark.parametrize("lacking", [0.0, 0.4])
def test_a_share_of_cells_is_withheld_and_nothing_of_them_stays(lacking):
    before, after = withheld(missing_cells=0.3, lacking=lacking)
    for side, table_ in after.tables.items():
        whole = getattr(before, side)
        assert torch.equal(table_.available, whole.available)
        assert set(table_.observed) == {"vector", "counts", "tags"}
        for m, name in enumerate(KINDS[:3]):
            cells, has = table_.observed[name], whole.available[:, m]
            assert not cells[~has].any()
            assert cells[has].any(1).all()
            width = cells.shape[1]
            expected = 0.3 - 0.3**width / width  # of those that would lose all, one is kept
            assert abs(1 - cells[has].double().mean() - expected) < 0.04
            assert torch.equal(table_.data[name], whole.data[name] * cells)
        assert table_.data["text"] is whole.data["text"] or torch.equal(table_.data["text"], whole.data["text"])
    assert {name: modality.missing for name, modality in after.modalities.items()} == {
        "vector": "cell",
        "counts": "cell",
        "tags": "cell",
        "text": "modality",
    }
    assert "of the cells of vector, counts, tags in training and validation rows withheld" in after.remark


def test_the_same_seed_loses_the_same_cells_and_a_higher_rate_more():
    cells = {rate: withheld(missing_cells=rate)[1].tables["train"].observed["vector"] for rate in (0.2, 0.6)}
    assert torch.equal(cells[0.6], withheld(missing_cells=0.6)[1].tables["train"].observed["vector"])
    assert not (cells[0.6] & ~cells[0.2]).any()
    other = withheld(missing_cells=0.6, missing_seed=1)[1].tables["train"].observed["vector"]
    assert not torch.equal(cells[0.6], other)
    assert not torch.equal(cells[0.6][:200], withheld(missing_cells=0.6)[1].tables["val"].observed["vector"])
    turned = withheld(KINDS[::-1], missing_cells=0.6)[1].tables["train"].observed["vector"]
    assert torch.equal(cells[0.6], turned), "the order of modalities means nothing"


def test_cells_by_modality_by_label_and_beside_modalities():
    before, after = withheld(missing_cells={"vector": 0.4}, missing_by="class", missing_rate=0.2)
    rows = after.tables["train"]
    assert list(rows.observed) == ["vector"]
    assert not torch.equal(rows.available, before.train.available)
    has = rows.available[:, 0]
    shares = [
        1 - float(rows.observed["vector"][has & (rows.labels["class"] == code)].double().mean()) for code in range(3)
    ]
    assert shares[0] == 0
    assert abs(shares[1] - 0.4) < 0.06 and abs(shares[2] - 0.8 + 0.8**5 / 5) < 0.06
    assert after.remark.count("withheld, by class") == 2


def test_cells_that_were_empty_stay_empty_and_rows_of_many_share_values():
    made = Gaps()
    config = mmgen.DatasetConfig(missing_cells={"vector": 0.5})
    after, _ = missing.withhold(made.splits(), made.modalities(), config)
    assert not (after["train"].observed["vector"] & ~made.splits().train.observed["vector"]).any()
    shared = Indexed(torch.rand(3, 4), torch.arange(60) % 3)
    rows = Table.of({"vector": shared})
    splits = Splits(rows, rows, rows, Provenance("simulated", "x"))
    modalities = {"vector": mmgen.VectorModality(shape=(4,), missing="cell")}
    left = missing.withhold(splits, modalities, config)[0]["train"]
    assert torch.equal(left.data["vector"], shared[:] * left.observed["vector"])
    assert torch.equal(rows.data["vector"][:], shared[:])


@pytest.mark.parametrize(
    ("kinds", "options", "said"),
    [
        (KINDS, {"missing_cells": {"vectr": 0.1}}, r"dataset\.missing_cells: there is no modality 'vectr'; .*'vector'"),
        (
            KINDS,
            {"missing_cells": {"text": 0.1}},
            r"'text' is there as a whole or not at all; vector, counts, tags can",
        ),
        (("text", "image"), {"missing_cells": 0.1}, r"dataset\.missing_cells: text, image are there as a whole"),
        (
            KINDS,
            {"missing_cells": 0.6, "missing_by": "class"},
            r"dataset\.missing_cells: with .* at most 0\.5, not 0\.6",
        ),
    ],
)
def test_mistakes_end_in_a_sentence(kinds, options, said):
    with raises_sentence(said):
        withheld(kinds, 30, **options)


def test_it_is_an_option_of_every_dataset_that_prepared_data_do_not_depend_on():
    whole = mmgen.load_dataset("mfeat")
    part = mmgen.load_dataset("mfeat", missing_cells=0.2)
    assert whole.fingerprint == part.fingerprint
    assert not part.complete["train"].observed and not part.test.observed and not whole.train.observed
    assert set(part.train.observed) == set(part.val.observed) == set(part.modalities)
    assert all(modality.missing == "cell" for modality in part.modalities.values())
    assert "of the cells of" in part.provenance.summary
    every = part.split("all")
    assert all(every.observed[name][torch.isin(every.rows, part.test.rows)].all() for name in every.observed)


def test_a_run_of_withheld_cells_is_opened_as_it_was():
    data = mmgen.load_dataset("mfeat", missing_cells=0.2)
    schema = mmgen.data.Schema(data.modalities, data.labels)
    again = mmgen.open_dataset("mfeat", data.dataset, schema=schema, fingerprint=data.fingerprint)
    name = next(iter(data.modalities))
    assert again.modalities == data.modalities
    assert torch.equal(again.train.observed[name], data.train.observed[name])
    described = {name: describe_modality(modality) for name, modality in data.modalities.items()}
    assert mmgen.open_dataset("mfeat", data.dataset, described).modalities == data.modalities
    whole = mmgen.load_dataset("mfeat")
    schema = mmgen.data.Schema(whole.modalities, whole.labels)
    with raises_sentence(r"dataset\.missing_cells: the run knows 'fou' as a whole"):
        mmgen.open_dataset("mfeat", data.dataset, schema=schema, fingerprint=whole.fingerprint)


def test_too_much_withheld_is_refused():
    dataset = ToyDataset(("vector", "counts"), rows=6)
    dataset.config = mmgen.DatasetConfig(missing_cells=0.95)
    with raises_sentence(r"no training row has a value of 'vector_\d.*; lower dataset\.missing_cells\."):
        mmgen.open_dataset("toy", dataset)


# Statistics, counts and changes ---------------------------------------------------------------------------------------


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3, width=32)), min_size=3, max_size=3), min_size=1, max_size=12
    ),
    st.floats(-1e4, 1e4, width=32),
)
def test_statistics_are_of_observed_cells(rows, hidden):
    """Against sums in plain loops; whatever stands in the place of an empty cell does not matter."""
    values = torch.tensor([[hidden if cell is None else cell for cell in row] for row in rows], dtype=torch.float32)
    observed = torch.tensor([[cell is not None for cell in row] for row in rows])
    transform = Standardise((3,))
    transform.fit(values, observed)
    for column in range(3):
        cells = [row[column] for row in rows if row[column] is not None]
        mean = sum(cells) / len(cells) if cells else 0.0
        spread = (sum((cell - mean) ** 2 for cell in cells) / len(cells)) ** 0.5 if cells else 0.0
        assert float(transform.mean[column]) == pytest.approx(mean, rel=1e-6, abs=1e-6)
        if spread > 1e-9 * (abs(mean) + 1):
            assert float(transform.scale[column]) == pytest.approx(spread, rel=1e-5, abs=1e-9)
        if len(set(cells)) <= 1:
            assert float(transform.scale[column]) == 1


def test_a_mask_of_everything_changes_nothing():
    values = torch.rand(9, 2, generator=torch.Generator().manual_seed(0))
    one, two = Standardise((2,)), Standardise((2,))
    one.fit(values)
    two.fit(values, torch.ones(9, 2, dtype=torch.bool))
    assert torch.allclose(one.mean, two.mean) and torch.allclose(one.scale, two.scale)


def test_the_share_of_empty_cells_is_said():
    data = mmgen.open_dataset("gaps", Gaps())
    cells = data.train.observed["vector"]
    assert empty_cells(data)["vector"]["train"] == pytest.approx(1 - cells.double().mean().item())
    assert list(empty_cells(data)) == ["vector"]
    assert census(data) == [
        "All 3 modalities are in every row.",
        "vector, cells that are empty: 25.0% in training rows, 25.0% in validation, 25.0% in test",
    ]


def test_how_cells_are_missing_comes_from_the_data(tmp_path):
    data = mmgen.open_dataset("gaps", Gaps())
    for change in ({"vector": {"missing": "modality"}}, {"counts": {"missing": "cell"}}):
        with raises_sentence(r"modalities\.\w+\.missing comes from the data, which were read with"):
            mmgen.MultimodalVAE.create("mvtcae", data, modalities=change)
    kept = mmgen.open_dataset("gaps", Gaps(), {"vector": {"kind": "vector", "hidden": [4]}})
    assert kept.modalities["vector"].missing == "cell"
    assert cached_splits("gaps", Gaps())[0].train.observed
