"""A run reads any file by its own columns, codes and sides, and says what is new, gone or changed."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import mmgen
from mmgen.errors import DataWarning
from mmgen.testing import ToyDataset

FIELDS = ["name", "visit_of", "diagnosis", "g0", "g1", "g2", "organ", "note"]


def rows_of(count: int, seed: int, first: int = 0) -> list[list[str]]:
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(first, first + count):
        ill = int(draw.integers(2))
        organ = ("liver", "lung", "blood")[int(draw.integers(3))]
        genes = [f"{value:.4f}" for value in draw.normal(2 * ill, 1, 3)]
        rows.append([f"r{i}", f"s{i // 2}", "ill" if ill else "well", *genes, organ, "abc"[ill:]])
    return rows


def write(path: Path, rows: list[list[str]], fields: list[str] = FIELDS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([fields, *([row[FIELDS.index(name)] for name in fields] for row in rows)])
    return path


def options(path: Path, **more) -> dict:
    return {
        "path": str(path),
        "label": "diagnosis",
        "modalities": {
            "genes": {"columns": "g*", "kind": "vector", "hidden": [8]},
            "organ": {"columns": "organ", "kind": "labels", "hidden": [8]},
            "note": {"columns": "note", "kind": "text", "hidden": [8]},
        },
        **more,
    }


def train(folder: Path, **more) -> Path:
    data = mmgen.load_dataset("table", **options(folder / "my.csv", **more))
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    mmgen.Trainer(epochs=1).fit(model, data, output=str(folder / "run"))
    return folder / "run"


@pytest.fixture(scope="module", params=["id", "content"])
def trained(request, tmp_path_factory):
    """A run on sixty rows that have names, and one on the same that have none; with the rows."""
    folder = tmp_path_factory.mktemp(request.param)
    rows = rows_of(60, 0)
    write(folder / "my.csv", rows)
    return train(folder, **({"id": "name"} if request.param == "id" else {})), rows


def opened(run: Path, path: Path, **more) -> tuple[mmgen.Run, list[str]]:
    """The run with its data opened from ``path``, and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = mmgen.load_run(run, dataset={"path": str(path), **more})
        _ = found.data
    assert all(issubclass(warning.category, DataWarning) for warning in caught)
    return found, [str(warning.message) for warning in caught]


def latents(run: mmgen.Run, given: list[str], split: str = "all") -> dict[int, list[float]]:
    table = run.data.split(split)
    return dict(zip(table.rows.tolist(), run.model.encode(table[:], given=given).mean.tolist(), strict=True))


def numbers(table: mmgen.Table) -> set[int]:
    return set(table.rows.tolist())


def test_the_same_rows_elsewhere_are_the_same_data(trained, tmp_path):
    run, rows = trained
    here, said = opened(run, write(tmp_path / "moved.csv", rows))
    assert said == []
    there = mmgen.load_run(run)
    assert here.data.fingerprint == there.data.fingerprint
    assert not here.reads_other_data
    assert latents(here, ["genes"]) == latents(there, ["genes"])


def test_columns_are_found_by_name_and_others_passed_over(trained, tmp_path):
    run, _ = trained
    new = rows_of(10, 1, 100)
    plain, _ = opened(run, write(tmp_path / "new.csv", new))
    turned, _ = opened(run, write(tmp_path / "turned.csv", new, ["organ", "g2", "note", "g0", "g1"]))
    (tmp_path / "more.csv").write_text(
        "\n".join(
            line + (",g9" if i == 0 else ",1") for i, line in enumerate((tmp_path / "new.csv").read_text().splitlines())
        )
    )
    more, said = opened(run, tmp_path / "more.csv")
    assert (
        latents(plain, ["genes", "organ"]) == latents(turned, ["genes", "organ"]) == latents(more, ["genes", "organ"])
    )
    assert "passed over: g9" in " ".join(more.data.notes)
    assert "None of the 10 rows of more.csv is one of the run's" in said[0]


def test_a_missing_column_is_named(trained, tmp_path):
    run, _ = trained
    path = write(tmp_path / "new.csv", rows_of(5, 1), ["name", "g0", "g2", "organ", "note"])
    with pytest.raises(mmgen.DataError, match="lacks g1 of the 3 columns that the run has of 'genes'"):
        opened(run, path)


@pytest.mark.parametrize("fields", [["g0", "g1", "g2"], ["g0", "g1", "g2", "note"], ["g2", "g1", "g0", "organ"]])
def test_a_modality_that_the_file_lacks_is_missing(trained, tmp_path, fields):
    run, _ = trained
    new = rows_of(7, 2)
    whole, _ = opened(run, write(tmp_path / "whole.csv", new))
    part, _ = opened(run, write(tmp_path / "part.csv", new, fields))
    table = part.data.split("all")
    assert table.available[:, 0].all()
    assert table.available[:, 1].tolist() == ["organ" in fields] * 7
    assert latents(part, ["genes"]) == latents(whole, ["genes"])
    with pytest.raises(mmgen.DataError, match="has nothing of the run's modalities"):
        opened(run, write(tmp_path / "none.csv", new, ["name", "diagnosis"]))


def test_a_modality_that_is_empty_in_all_rows_is_missing(trained, tmp_path):
    run, _ = trained
    new = [[*row[:6], "", row[7]] for row in rows_of(6, 3)]
    found, _ = opened(run, write(tmp_path / "new.csv", new))
    assert found.data.split("all").available.tolist() == [[True, False, True]] * 6


def test_one_row_is_enough(trained, tmp_path):
    run, _ = trained
    new = rows_of(3, 4)
    three, _ = opened(run, write(tmp_path / "three.csv", new))
    one, _ = opened(run, write(tmp_path / "one.csv", new[1:2]))
    assert latents(one, ["genes", "organ"])[0] == pytest.approx(latents(three, ["genes", "organ"])[1], abs=1e-6)


def test_codes_are_those_of_the_run(trained, tmp_path):
    run, _ = trained
    new = [row for row in rows_of(30, 5) if row[6] != "blood"]
    found, _ = opened(run, write(tmp_path / "new.csv", new))
    modality = found.data.modalities["organ"]
    assert modality.categories == ("blood", "liver", "lung")
    table = found.data.split("all")
    assert [modality.categories[code] for code in table.data["organ"][:, 0]] == [row[6] for row in new]
    assert [found.data.labels["diagnosis"][code] for code in table.labels["diagnosis"]] == [row[2] for row in new]
    text = found.data.modalities["note"]
    assert [text.cells(value.numpy())[0] for value in table.data["note"]] == [row[7] for row in new]


def test_an_unknown_category_or_character_is_named_or_missing(trained, tmp_path):
    run, _ = trained
    new = rows_of(4, 6)
    new[2][6] = "brain"
    path = write(tmp_path / "new.csv", new)
    with pytest.raises(
        mmgen.DataError, match=r"'organ' of new.csv holds 'brain' in row 2 .* not one of blood, liver, lung"
    ):
        opened(run, path)
    found, _said = opened(run, path, unknown="missing")
    assert found.data.split("all").available[:, 1].tolist() == [True, True, False, True]
    assert "organ: 1 rows with categories that the run does not know count as missing" in " ".join(found.data.notes)
    new[2][6], new[3][7] = "lung", "ä"
    path = write(tmp_path / "text.csv", new)
    with pytest.raises(mmgen.DataError, match=r"'ä' in row 3 .* does not know 'ä'"):
        opened(run, path)
    found, _ = opened(run, path, unknown="missing")
    assert found.data.split("all").available[:, 2].tolist() == [True, True, True, False]


def test_a_class_that_the_run_does_not_know_is_unknown(trained, tmp_path):
    run, _ = trained
    new = rows_of(5, 7)
    new[0][2], new[1][2] = "healthy", ""
    found, _ = opened(run, write(tmp_path / "new.csv", new))
    codes = found.data.split("all").labels["diagnosis"].tolist()
    assert codes[:2] == [-1, -1] and min(codes[2:]) >= 0
    assert "count as unknown: healthy" in " ".join(found.data.notes)


def test_appended_shuffled_and_removed_rows(trained, tmp_path):
    run, rows = trained
    before = mmgen.load_run(run).data
    sides = {rows[row][0]: side for side in ("train", "val", "test") for row in getattr(before, side).rows.tolist()}
    kept = [row for row in rows if row[0] != next(name for name, side in sides.items() if side == "train")]
    mixed = [*kept, *rows_of(12, 8, 200)]
    np.random.default_rng(0).shuffle(mixed)
    found, said = opened(run, write(tmp_path / "my.csv", mixed))
    for side in ("train", "val", "test"):
        assert {mixed[row][0] for row in numbers(found.data.split(side))} == {
            row[0] for row in kept if sides[row[0]] == side
        }
    assert {mixed[row][0] for row in numbers(found.data.split("new"))} == {
        row[0] for row in mixed if row[0] not in sides
    }
    assert len(found.data.split("all")) == len(mixed)
    assert (
        "not as they were" in said[0]
        and "12 of the 71 rows" in said[0]
        and "1 of the rows that the run was trained on" in said[0]
    )


def test_an_edited_training_row_is_never_a_test_row(trained, tmp_path):
    run, rows = trained
    before = mmgen.load_run(run).data
    seen = numbers(before.train) | numbers(before.val)
    edited = [[*row[:3], f"{float(row[3]) + 1:.4f}", *row[4:]] if i in seen else row for i, row in enumerate(rows)]
    found, _ = opened(run, write(tmp_path / "my.csv", edited))
    assert numbers(found.data.test) == numbers(before.test)
    named = "name" in found.config["dataset"]["id"]
    assert (numbers(found.data.train) == numbers(before.train)) == named
    if not named:
        assert "an edited row counts as a new one" in " ".join(found.data.notes)


def test_a_row_of_a_known_group_stays_with_its_group(tmp_path):
    rows = rows_of(40, 9)
    write(tmp_path / "my.csv", rows)
    run = train(tmp_path, group="visit_of", id="name")
    before = mmgen.load_run(run).data
    side = {rows[row][1]: name for name in ("train", "val", "test") for row in getattr(before, name).rows.tolist()}
    more = [[f"again{i}", *row[1:]] for i, row in enumerate(rows[::5])] + [["other", "nobody", *rows[0][2:]]]
    found, _ = opened(run, write(tmp_path / "more.csv", [*rows, *more]))
    for name in ("train", "val", "test"):
        added = {row for row in numbers(found.data.split(name)) if row >= len(rows)}
        assert added == {len(rows) + i for i, row in enumerate(more) if side.get(row[1]) == name}
    assert numbers(found.data.split("new")) == {len(rows) + len(more) - 1}


def test_results_of_other_data_are_not_kept(trained, tmp_path):
    run, _rows = trained
    found, _ = opened(run, write(tmp_path / "new.csv", rows_of(20, 10, 300)))
    before = found.results
    made = found.measurements(metrics=["reconstruction"], split="new")
    assert {row["n"] for row in made} == {20}
    assert found.results == before
    with pytest.raises(mmgen.MmgenError, match="There are no new rows"):
        mmgen.load_run(run).data.split("new")


def test_resuming_needs_the_same_data(tmp_path):
    rows = rows_of(30, 11)
    write(tmp_path / "my.csv", rows)
    run = train(tmp_path)
    before = (run / "environment.json").read_text()

    def go_on(path: Path) -> None:
        data = mmgen.load_dataset("table", **options(path))
        model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
        mmgen.Trainer(epochs=2).fit(model, data, output=str(run), resume=True)

    changed = write(tmp_path / "changed.csv", [*rows[:-1], rows_of(1, 12)[0]])
    with pytest.raises(mmgen.MmgenError, match=r"--resume: the data are not those that the run in .* began with"):
        go_on(changed)
    assert (run / "environment.json").read_text() == before
    go_on(write(tmp_path / "moved.csv", rows))
    assert len(mmgen.load_run(run).history) == 2


def test_categories_of_other_names_are_other_data(tmp_path):
    rows = rows_of(30, 13)
    first = mmgen.load_dataset("table", **options(write(tmp_path / "a.csv", rows)))
    renamed = [[*row[:6], {"liver": "kidney", "lung": "skin", "blood": "bone"}[row[6]], row[7]] for row in rows]
    second = mmgen.load_dataset("table", **options(write(tmp_path / "b.csv", renamed)))
    assert first.fingerprint != second.fingerprint


def test_a_run_that_was_moved_with_its_data_finds_them(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "my.csv", rows_of(30, 14))
    run = train(tmp_path / "a")
    expected = mmgen.load_run(run).data.fingerprint
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert mmgen.load_run(tmp_path / "b" / "run").data.fingerprint == expected
    (tmp_path / "b" / "my.csv").rename(tmp_path / "elsewhere.csv")
    with pytest.raises(mmgen.MmgenError, match=r"were at .*my.csv.*--data PLACE"):
        _ = mmgen.load_run(tmp_path / "b" / "run").data
    found, said = opened(tmp_path / "b" / "run", tmp_path / "elsewhere.csv")
    assert (found.data.fingerprint, said) == (expected, [])


def test_a_run_that_does_not_know_its_rows_takes_none_for_held_out(trained, tmp_path):
    run, rows = trained
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "rows.safetensors").unlink()
    found, said = opened(tmp_path / "run", write(tmp_path / "more.csv", [*rows, *rows_of(5, 15, 400)]))
    assert [len(found.data.split(side)) for side in ("train", "val", "test", "new")] == [0, 0, 0, 65]
    assert "does not know which rows it was trained on" in said[0]
    same, said = opened(tmp_path / "run", write(tmp_path / "same.csv", rows))
    assert len(same.data.train) > 0 and said == []


def test_what_the_data_decide_cannot_be_set(trained):
    run, _ = trained
    data = mmgen.load_run(run).data
    for change, sentence in (
        ({"organ": {"categories": ["lung", "liver", "blood"]}}, "organ.categories comes from the data"),
        ({"genes": {"shape": [64]}}, "genes.shape comes from the data, which have .3., and not .64."),
    ):
        with pytest.raises(mmgen.MmgenError, match=sentence):
            mmgen.MultimodalVAE.create("mvtcae", data, modalities=change)


class Drawn(ToyDataset):
    """A dataset that is made without files, with categories whose order can be chosen."""

    order = ("x", "y", "z")

    def __init__(self, config=None):
        super().__init__(("vector", "labels"))

    def modalities(self):
        made = super().modalities()
        return {**made, "labels": made["labels"].model_copy(update={"categories": self.order})}

    def splits(self):
        made = super().splits()
        return type(made)(made.train, made.val, made.test, made.provenance, {"class": self.order})


def test_any_dataset_is_compared_with_what_the_run_knows():
    data = mmgen.open_dataset("drawn", Drawn())
    schema = mmgen.data.Schema(data.modalities, data.labels)
    again = mmgen.open_dataset("drawn", Drawn(), schema=schema, fingerprint=data.fingerprint)
    assert (again.fingerprint, again.notes) == (data.fingerprint, ())
    Drawn.order = ("z", "y", "x")
    try:
        with pytest.raises(
            mmgen.DataError, match=r"labels.categories of the dataset 'drawn' is not what the run was trained with"
        ):
            mmgen.open_dataset("drawn", Drawn(), schema=schema, fingerprint=data.fingerprint)
        vectors = mmgen.data.Schema({"vector": data.modalities["vector"]}, data.labels)
        turned = mmgen.open_dataset("drawn", Drawn(), schema=vectors, fingerprint=data.fingerprint)
    finally:
        Drawn.order = ("x", "y", "z")
    assert torch.equal(turned.train.labels["class"], 2 - data.train.labels["class"])
    assert turned.labels["class"] == ("x", "y", "z")
    assert "not as they were" in turned.notes[0]


def test_the_run_keeps_notes_and_facts(trained):
    run, _ = trained
    kept = json.loads((run / "environment.json").read_text())["data"]
    assert kept["facts"]["rows"] == 60
    assert isinstance(kept["notes"], list)
