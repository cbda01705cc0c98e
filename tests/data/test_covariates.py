"""Covariates: from labels and from columns, what they are taken for, how a run reads them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mmgen
from mmgen.data import Schema, Sides
from mmgen.data.covariates import choose_covariates, recode
from mmgen.data.describing import describe_modality
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.runs.config import RunConfig
from mmgen.runs.opening import open_data
from mmgen.testing import ToyDataset, raises_sentence

GENES = {"genes": {"columns": "g*", "kind": "vector", "hidden": [4]}}
SITES = ("north", "south", "west")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))


def write(folder: Path, more: dict[str, list], rows: int = 30, name: str = "my.csv", seed: int = 0) -> Path:
    draw = np.random.default_rng(seed)
    made = {"g0": [f"{value:.3f}" for value in draw.normal(size=rows)], **more}
    lines = [",".join(map(str, cells)) for cells in zip(*made.values(), strict=True)]
    (folder / name).write_text("\n".join([",".join(made), *lines]) + "\n", encoding="utf-8")
    return folder / name


def loaded(path: Path, **options) -> mmgen.Data:
    return mmgen.load_dataset("table", **{"path": path, "modalities": GENES, **options})


def everything(rows: int = 30) -> dict[str, list]:
    return {
        "site": [SITES[row % 3] if row % 10 else "" for row in range(rows)],
        "batch": [row % 4 + 1 for row in range(rows)],
        "age": [f"{30 + row / 2}" if row % 7 else "NA" for row in range(rows)],
        "days": [100 * row + 1 for row in range(rows)],
        "subject": [f"s{row // 2}" for row in range(rows)],
        "sex": ["fm"[row % 2] for row in range(rows)],
    }


def test_columns_are_classes_or_numbers_by_what_they_hold(tmp_path):
    data = loaded(write(tmp_path, everything()), covariates=["site", "batch", "age", "days"])
    assert data.covariates == {"site": ("north", "south", "west"), "batch": ("1", "2", "3", "4"), "age": (), "days": ()}
    rows = data.split("all")
    assert list(rows.covariates) == ["site", "batch", "age", "days"]
    assert rows.covariates["site"].tolist() == [row % 3 if row % 10 else -1 for row in range(30)]
    assert rows.covariates["batch"].tolist() == [row % 4 for row in range(30)]
    assert {name: values.dtype for name, values in rows.covariates.items()} == {
        "site": torch.int64,
        "batch": torch.int64,
        "age": torch.float32,
        "days": torch.float32,
    }
    ages = rows.covariates["age"].tolist()
    assert [None if age != age else age for age in ages] == [30 + row / 2 if row % 7 else None for row in range(30)]
    assert sum("rows have none" in note and "'site'" in note for note in data.notes) == 1
    (note,) = [note for note in data.notes if "ovariates:" in note and "rows have none" not in note]
    assert note == (
        "Covariates are taken for what they look like: site a category of 3 classes, batch a category of 4 classes, "
        "age a number, days a number; where one is the other, say covariates: {site: category, batch: category, age: "
        "number, days: number}."
    )
    assert torch.equal(data.train[:3].covariates["age"].nan_to_num(), data.train.covariates["age"][:3].nan_to_num())


def test_a_mapping_says_what_a_column_is(tmp_path):
    path = write(tmp_path, everything())
    data = loaded(path, covariates={"batch": "number", "days": "category"})
    assert data.covariates["batch"] == () and len(data.covariates["days"]) == 30
    assert not any("ovariates" in note for note in data.notes)
    with raises_sentence(r"dataset\.covariates: the column 'site' of my\.csv holds 'south' in row 1 .*not a number"):
        loaded(path, covariates={"site": "number"})
    (tmp_path / "my.yaml").write_text(
        "path: my.csv\nmodalities: {genes: {columns: g*, kind: vector}}\ncovariates: {batch: number}\n",
        encoding="utf-8",
    )
    assert mmgen.load_dataset("table", config=tmp_path / "my.yaml").covariates == {"batch": ()}
    with pytest.raises(
        mmgen.MmgenError, match=r"dataset\.covariates\.batch: 'amount' is not right.*'category' or 'number'"
    ):
        loaded(path, covariates={"batch": "amount"})


def test_names_that_yaml_reads_as_something_else(tmp_path):
    (tmp_path / "my.yaml").write_text(
        "path: my.csv\nmodalities: {genes: {columns: g*, kind: vector}}\ncovariates: [NO, 1e3]\n", encoding="utf-8"
    )
    write(tmp_path, {"NO": ["a", "b"] * 15, "1e3": [row / 7 for row in range(30)]})
    assert mmgen.load_dataset("table", config=tmp_path / "my.yaml").covariates == {"NO": ("a", "b"), "1e3": ()}


def test_the_label_may_be_one_and_patterns_pass_over_columns_that_are(tmp_path):
    path = write(tmp_path, {**everything(), "group": everything()["site"]})
    data = loaded(path, covariates=["sex", "group"], label="sex")
    assert data.notes[1].endswith("say covariates: {sex: category, group: category}.")
    assert data.modalities["genes"].columns == ("g0",)
    assert data.covariates == {"sex": ("f", "m"), "group": SITES}
    assert data.labels == {"sex": ("f", "m")}
    assert torch.equal(data.train.covariates["sex"], data.train.labels["sex"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"covariates": ["sit"]}, r"dataset\.covariates: my\.csv has no column 'sit'; its columns are .*'site'\?"),
        ({"covariates": ["g0"]}, r"no column of my\.csv matches 'g\*'"),
        (
            {"covariates": ["g0"], "modalities": {"genes": {"columns": ["g0"], "kind": "vector"}}},
            r"dataset\.modalities\.genes: 'g0' is the covariate, and would leak into the modality",
        ),
        (
            {"covariates": ["subject"], "group": "subject"},
            r"dataset\.covariates: 'subject' is the group, and .*; other columns are g0, site, batch, age, days, sex\.",
        ),
        ({"covariates": ["days"], "id": ["days"]}, r"dataset\.covariates: 'days' is the id, and"),
        ({"covariates": ["empty"]}, r"dataset\.covariates: 'empty' of my\.csv has no value at all"),
        ({"covariates": {"empty": "category"}}, r"dataset\.covariates: 'empty' of my\.csv has no value at all"),
        ({"covariates": ["much"]}, r"dataset\.covariates: 'much' of my\.csv holds inf in row 3"),
        ({"covariates": ["time"]}, r"'time' of my\.csv has differences that 32-bit numbers lose; subtract 1\.7e\+09"),
        ({"covariates": {"sex": "number"}, "label": "sex"}, r"dataset\.covariates\.sex: it is a label"),
    ],
)
def test_mistakes_end_in_a_sentence(tmp_path, options, said):
    more = (
        everything()
        if options.get("group")
        else {
            **everything(),
            "empty": [""] * 30,
            "much": ["inf" if row == 3 else row / 3 for row in range(30)],
            "time": [1_700_000_000 + row / 2 for row in range(30)],
        }
    )
    with raises_sentence(said):
        loaded(write(tmp_path, more), **options)


def test_labels_of_any_dataset(tmp_path):
    data = mmgen.load_dataset("mfeat", covariates=["digit"])
    plain = mmgen.load_dataset("mfeat")
    assert data.fingerprint == plain.fingerprint
    assert (data.covariates, plain.covariates) == ({"digit": data.labels["digit"]}, {})
    assert torch.equal(data.train.covariates["digit"], plain.train.labels["digit"].long())
    assert data.test[:2].covariates["digit"].dtype == torch.int64
    with raises_sentence(
        r"dataset\.covariates: there is no covariate, and no label .*'digi'; there are digit; did you"
    ):
        mmgen.load_dataset("mfeat", covariates=["digi"])


class Sited(ToyDataset):
    """A dataset with covariates of its own, and a label of several answers."""

    sites = ("north", "south")

    def splits(self):
        def told(table):
            rows = torch.arange(len(table))
            age = (rows / 2).where(rows % 5 > 0, torch.nan)
            labels = {**table.labels, "answers": torch.zeros(len(table), 2, dtype=torch.int64)}
            return replace(table, labels=labels, covariates={"site": rows % 3 - 1, "age": age})

        made = super().splits().with_tables(told)
        return replace(made, labels={**made.labels, "answers": ("p", "q")}, covariates={"site": self.sites, "age": ()})


def opened(dataset, **options) -> mmgen.Data:
    dataset.config = mmgen.DatasetConfig.model_validate(options)
    return mmgen.open_dataset("sited", dataset)


def test_a_dataset_may_have_covariates_of_its_own():
    assert opened(Sited()).covariates == {"site": ("north", "south"), "age": ()}
    some = opened(Sited(), covariates=["class", "age"])
    assert some.covariates == {"class": ("x", "y", "z"), "age": ()}
    assert list(some.val.covariates) == ["class", "age"]
    with raises_sentence(r"'answers' has several answers per row, .*; there are site, age, class\."):
        opened(Sited(), covariates=["answers"])


def test_what_no_training_row_knows():
    class Unknown(Sited):
        def splits(self):
            made = super().splits()
            nowhere = {**made.train.covariates, "age": torch.full((len(made.train),), torch.nan)}
            north = {**nowhere, "age": made.train.covariates["age"], "site": made.train.covariates["site"].clamp(max=0)}
            return replace(made, train=replace(made.train, covariates=nowhere if self.config.missing_seed else north))

    (note,) = opened(Unknown()).notes
    assert note.startswith("1 of the 2 classes of the covariate 'site' have no training row") and "south" in note
    with raises_sentence(r"dataset\.covariates: no training row has a known 'age'; leave it out\."):
        opened(Unknown(), missing_seed=1)


def test_a_covariate_of_one_value_is_said():
    class Constant(Sited):
        def splits(self):
            made = super().splits()
            same = {**made.train.covariates, "age": torch.full((len(made.train),), 40.0)}
            return replace(made, train=replace(made.train, covariates=same))

    (note,) = opened(Constant()).notes
    assert note == "The covariate 'age' has one value in all training rows, which tells networks nothing."


def test_codes_are_those_of_a_run():
    run = opened(Sited())
    dataset = Sited()
    dataset.sites = ("east", "north")
    schema = Schema(run.modalities, run.labels, covariates={"site": ("north", "south"), "age": ()})
    read = mmgen.open_dataset("sited", dataset, schema=schema, fingerprint=run.fingerprint)
    assert read.covariates == run.covariates
    expected = [{-1: -1, 0: -1, 1: 0}[code] for code in run.train.covariates["site"].tolist()]
    assert read.train.covariates["site"].tolist() == expected
    assert "Classes of the covariate 'site' that the run does not know count as unknown: east." in read.notes
    for wrong, said in (
        ({"site": ()}, r"The covariate 'site' has classes here, and the run was trained with numbers"),
        ({"age": ("1", "2")}, r"The covariate 'age' has numbers here, and the run was trained with classes"),
    ):
        with raises_sentence(said):
            choose_covariates(dataset.splits(), dataset.config, Schema({}, covariates=wrong))
    lost = choose_covariates(ToyDataset().splits(), dataset.config, schema)
    assert set(lost.test.covariates["site"].tolist()) == {-1} and lost.test.covariates["age"].isnan().all()
    assert lost.test.covariates["site"].dtype == torch.int64 and lost.test.covariates["age"].dtype == torch.float32
    assert len(lost.notes) == 2 and "unknown in every row" in lost.notes[0]
    assert recode(torch.tensor([-1, 0, 1]), ("a", "b"), ("b",)).tolist() == [-1, -1, 0]


def test_a_file_is_read_by_the_covariates_of_a_run(tmp_path):
    described = {"covariates": ["site", "batch", "age", "sex"], "label": "sex"}
    data = loaded(write(tmp_path, everything()), **described)
    sides = Sides.of([data.split(side).identity for side in ("train", "val", "test")])
    schema = Schema(data.modalities, data.labels, sides, data.covariates)

    def read(more, rows=8):
        path = write(tmp_path, more, rows, "new.csv", seed=1)
        dataset = OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": GENES, **described}))
        return mmgen.open_dataset("table", dataset, schema=schema, fingerprint=data.fingerprint)

    new = read({"age": range(8), "batch": [9, 1.0, 2, 3, 4, "", 1, 1], "site": ["east", *["west"] * 7]})
    assert new.covariates == data.covariates
    assert list(new.new.covariates) == ["site", "batch", "age", "sex"]
    assert new.new.covariates["site"].tolist() == [-1, *[2] * 7]
    assert new.new.covariates["batch"].tolist() == [-1, 0, 1, 2, 3, -1, 0, 0]
    assert new.new.covariates["age"].tolist() == list(range(8))
    assert new.new.covariates["sex"].tolist() == [-1] * 8
    said = " ".join(new.notes)
    assert "Classes of the covariate 'site' that the run does not know count as unknown: east." in said
    assert "Classes of the covariate 'batch' that the run does not know count as unknown: 9." in said
    assert "The covariate 'sex' of the run is not among these data, and unknown in every row." in said
    with raises_sentence(r"dataset\.covariates: the column 'age' of new\.csv holds 'old' in row 2 .*not a number"):
        read({"age": [1, 2, "old", 4]}, 4)


def test_what_a_run_has_written_is_what_it_reads_by(tmp_path):
    write(tmp_path, everything())
    options = {"path": str(tmp_path / "my.csv"), "modalities": GENES, "covariates": ["site"]}
    data = mmgen.load_dataset("table", **options)
    config = {
        "dataset": {"name": "table", **options},
        "modalities": {name: describe_modality(modality) for name, modality in data.modalities.items()},
        "covariates": {"site": ["west", "east", "north"]},
    }
    read = open_data(config, None, {})
    assert read.covariates == {"site": ("west", "east", "north")}
    north = data.split("all").covariates["site"] == 0
    assert torch.equal(read.split("all").covariates["site"] == 2, north)
    assert RunConfig.model_validate(config).covariates == config["covariates"]


def test_another_covariate_is_another_table_and_none_is_as_it_was(tmp_path):
    path = write(tmp_path, everything())
    one, two = loaded(path, covariates=["site"]), loaded(path, covariates=["sex"])
    plain = loaded(path)
    assert len({one.fingerprint, two.fingerprint, plain.fingerprint}) == 3
    assert loaded(path, covariates=["site"]).fingerprint == one.fingerprint
    write(tmp_path, {**everything(), "site": ["north"] * 15 + ["south"] * 15})
    assert loaded(path, covariates=["site"]).fingerprint != one.fingerprint
    assert plain.covariates == {} and not plain.train.covariates
    for side in ("train", "val", "test"):
        assert torch.equal(plain.split(side).rows, one.split(side).rows), "covariates do not decide sides"
        assert torch.equal(plain.split(side).identity.content, one.split(side).identity.content)
