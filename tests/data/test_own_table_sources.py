"""The same table from every kind of file, and arrays and images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from mmgen.data.apart_process import rows
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.testing import all_rows

COLUMNS = {
    "g0": [0.5, None, 1.25, -3.0],
    "g1": [1.0, 2.0, 3.0, 4.0],
    "p0": [0, 1, 2, 3],
    "y": ["u", "v", None, "u"],
    "who": ["a", "a", "b", "b"],
}
MODALITIES = {"genes": {"columns": "g*", "kind": "vector"}, "proteins": {"columns": "p*", "kind": "counts"}}


def table(path: Path | str, modalities=MODALITIES, **options) -> OwnTable:
    return OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": modalities, **options}))


def write_all(folder: Path) -> dict[str, Path]:
    hf = datasets.Dataset.from_dict(COLUMNS)
    paths = {
        ending: folder / f"my.{ending}" for ending in ("csv", "tsv", "parquet", "json", "jsonl", "npz", "safetensors")
    }
    cells = [["" if cell is None else str(cell) for cell in row] for row in zip(*COLUMNS.values())]
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        paths[ending].write_text(
            "\n".join(separator.join(row) for row in [list(COLUMNS), *cells]) + "\n", encoding="utf-8"
        )
    hf.to_parquet(paths["parquet"])
    hf.to_json(paths["json"], lines=False)
    hf.to_json(paths["jsonl"], lines=True)
    arrays = {
        name: np.array([np.nan if cell is None else cell for cell in COLUMNS[name]]) for name in ("g0", "g1", "p0")
    }
    np.savez(paths["npz"], **arrays, y=np.array(["u", "v", "", "u"]), who=np.array(COLUMNS["who"]))
    save_file({**arrays, "y": np.array([0.0, 1.0, np.nan, 0.0]), "who": np.array([0, 0, 1, 1])}, paths["safetensors"])
    hf.save_to_disk(folder / "saved")
    (folder / "plain").mkdir()
    hf.to_parquet(folder / "plain" / "train-00000-of-00001.parquet")
    return {
        **paths,
        "saved": folder / "saved",
        "plain": folder / "plain",
        "arrow": next((folder / "saved").glob("*.arrow")),
    }


KINDS = ("csv", "tsv", "parquet", "json", "jsonl", "npz", "safetensors", "saved", "plain", "arrow")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    return write_all(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same(files, kind):
    dataset = table(files[kind], label="y", group="who")
    rows, splits = all_rows(dataset.splits()), dataset.splits()
    assert rows.data["genes"].tolist() == [[0.5, 1], [0, 2], [1.25, 3], [-3, 4]]
    assert rows.observed["genes"].tolist() == [[True, True], [False, True], [True, True], [True, True]]
    assert list(rows.observed) == ["genes"]
    assert rows.data["proteins"].tolist() == [[0], [1], [2], [3]]
    assert rows.available.all()
    assert rows.labels["y"].tolist() == [0, 1, -1, 0]
    assert splits.labels["y"] == (("0", "1") if kind == "safetensors" else ("u", "v"))
    assert rows.groups.tolist() == [0, 0, 1, 1]
    assert dataset.modalities()["genes"].columns == ("g0", "g1")
    assert all(path.exists() for path in dataset.sources())
    assert files[kind] in dataset.sources() or files[kind].is_dir()


def test_nothing_is_left_in_the_users_cache_and_nothing_is_printed(files, tmp_path):
    code = (
        "import sys; from mmgen.data.own_table import OwnTable, OwnTableConfig\n"
        "spec = {'genes': {'columns': 'g*', 'kind': 'vector'}}\n"
        "OwnTable(OwnTableConfig(path=sys.argv[1], modalities=spec)).splits()\n"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "HF_HOME": str(tmp_path / "hf"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, files["parquet"]], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert [path for name in ("home", "hf", "tmp") for path in (tmp_path / name).rglob("*") if path.is_file()] == []


def test_progress_bars_come_back(files):
    datasets.enable_progress_bars()
    table(files["parquet"]).splits()
    assert not datasets.are_progress_bars_disabled()


def test_several_splits_become_one_table_with_a_column_split(tmp_path):
    part = datasets.Dataset.from_dict({"g0": [1.0, 2.0]})
    datasets.DatasetDict({"train": part, "validation": part, "test": part}).save_to_disk(tmp_path / "saved")
    splits = table(tmp_path / "saved", {"genes": {"columns": "g*", "kind": "vector"}}, split="split").splits()
    assert [part.rows.tolist() for part in (splits.train, splits.val, splits.test)] == [[0, 1], [2, 3], [4, 5]]


def test_the_hub_is_asked_for_a_name(monkeypatch):
    asked = []
    labelled = datasets.Features({"g0": datasets.Value("float32"), "y": datasets.ClassLabel(names=["no", "yes"])})
    found = datasets.DatasetDict(
        {"train": datasets.Dataset.from_dict({"g0": [1.0, 2.0, 3.0], "y": [1, 0, -1]}, features=labelled)}
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *names: asked.append(names) or found)

    def here(path, subset, result, online):
        assert online, "nobody has said that nothing may be fetched"
        rows(path, str(result), subset, online)

    monkeypatch.setattr("mmgen.data.own_table.pooled.read_rows_apart", here)
    dataset = table("owner/name", {"genes": {"columns": "g0", "kind": "vector"}}, label="y", subset="small")
    assert all_rows(dataset.splits()).labels["y"].tolist() == [1, 0, -1]
    assert dataset.splits().labels == {"y": ("no", "yes")}
    assert set(asked) == {("owner/name", "small")}
    assert dataset.sources() == []


def save_arrays(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays) if path.suffix == ".npz" else save_file(arrays, path)
    return path


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_arrays_keep_their_type_and_say_what_is_missing(tmp_path, ending):
    draw = np.random.default_rng(0)
    scan = draw.integers(0, 256, (6, 3, 8, 8)).astype(np.uint8)
    genes = draw.normal(size=(6, 5)).astype(np.float32)
    genes[2, 3] = np.nan
    counts = draw.poisson(3, (6, 4))
    counts[1] = -1  # a mark of the writer's, where there is nothing
    there = np.array([True, False, True, True, True, True])
    path = save_arrays(
        tmp_path / f"my.{ending}",
        scan=scan,
        genes=genes,
        counts=counts,
        counts_available=there,
        seen_available=np.arange(6) > 0,
    )
    dataset = table(
        path,
        {
            "seen": {"array": "scan", "kind": "image"},
            "genes": {"array": "genes", "kind": "vector", "missing": "modality"},
            "counts": {"array": "counts", "kind": "counts"},
        },
    )
    rows = all_rows(dataset.splits())
    assert rows.available.T.tolist() == [(np.arange(6) > 0).tolist(), (np.arange(6) != 2).tolist(), there.tolist()]
    assert rows.data["seen"].dtype == torch.uint8
    assert rows.data["genes"].dtype == torch.float32
    assert np.array_equal(rows.data["seen"][1:], scan[1:])
    assert np.array_equal(rows.data["genes"][3:], genes[3:])
    assert np.array_equal(rows.data["counts"][2:], counts[2:])
    assert not rows.data["seen"][0].any()
    assert not rows.data["genes"][2].any()
    assert not rows.data["counts"][1].any()
    assert dataset.modalities()["seen"].shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        ((4, 8, 6), None, (1, 8, 6)),
        ((4, 8, 6, 3), None, (3, 8, 6)),
        ((4, 3, 8, 6), None, (3, 8, 6)),
        ((4, 48), [1, 8, 6], (1, 8, 6)),
    ],
)
def test_images_in_any_usual_layout(tmp_path, shape, given, expected):
    values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    path = save_arrays(tmp_path / "my.npz", scan=values)
    dataset = table(path, {"scan": {"array": "scan", "kind": "image", **({"shape": given} if given else {})}})
    assert dataset.modalities()["scan"].shape == expected
    stored = all_rows(dataset.splits()).data["scan"].numpy()
    assert np.array_equal(np.moveaxis(stored, 1, -1) if shape == (4, 8, 6, 3) else stored.reshape(shape), values)


def test_pixels_that_are_not_bytes(tmp_path):
    path = save_arrays(
        tmp_path / "my.npz", unit=np.random.default_rng(0).random((3, 4, 4)), whole=np.arange(48).reshape(3, 4, 4)
    )
    rows = all_rows(table(path, {name: {"array": name, "kind": "image"} for name in ("unit", "whole")}).splits())
    assert (rows.data["unit"].dtype, rows.data["whole"].dtype) == (torch.float32, torch.uint8)


@pytest.mark.parametrize(("modes", "channels"), [(("L", "L"), 1), (("L", "RGB"), 3), (("RGBA", "P"), 3)])
@pytest.mark.parametrize("key", ["columns", "array"])
def test_a_column_of_images(tmp_path, modes, channels, key):
    pictures = [Image.new(mode, (6, 8), 200 if mode in "LP" else (200,) * len(mode)) for mode in modes]
    features = datasets.Features({"photo": datasets.Image()})
    datasets.Dataset.from_dict({"photo": [*pictures, None]}, features=features).save_to_disk(tmp_path / "photos")
    dataset = table(tmp_path / "photos", {"photo": {key: "photo", "kind": "image"}})
    assert dataset.modalities()["photo"].shape == (channels, 8, 6)
    rows = all_rows(dataset.splits())
    assert rows.rows.tolist() == [0, 1]
    assert rows.data["photo"].dtype == torch.uint8
    assert rows.data["photo"][0].unique().tolist() == [200 if modes[0] != "RGBA" else 212]  # on white


def test_a_column_of_lists_is_an_array(tmp_path):
    datasets.Dataset.from_dict({"embedding": [[1.0, 2.0], None, [3.0, None]]}).to_parquet(tmp_path / "my.parquet")
    embedding = {"array": "embedding", "kind": "vector"}
    rows = all_rows(table(tmp_path / "my.parquet", {"embedding": {**embedding, "missing": "modality"}}).splits())
    assert (rows.data["embedding"].tolist(), rows.rows.tolist()) == ([[1, 2]], [0])
    rows = all_rows(table(tmp_path / "my.parquet", {"embedding": embedding}).splits())
    assert (rows.data["embedding"].tolist(), rows.rows.tolist()) == ([[1, 2], [3, 0]], [0, 2])
    assert rows.observed["embedding"].tolist() == [[True, True], [True, False]]


def test_text_and_categories_from_arrays(tmp_path):
    path = save_arrays(
        tmp_path / "my.npz", note=np.array([b"ab", b"", b"ba"]), code=np.array([[2, 10], [10, 2], [2, 2]])
    )
    dataset = table(path, {"note": {"array": "note", "kind": "text"}, "code": {"array": "code", "kind": "labels"}})
    rows = all_rows(dataset.splits())
    assert rows.available[:, 0].tolist() == [True, False, True]
    assert dataset.modalities()["code"].categories == ("2", "10")
    assert rows.data["code"].tolist() == [[0, 1], [1, 0], [0, 0]]


def test_a_half_precision_array(tmp_path):
    from safetensors.torch import save_file as save_tensors

    save_tensors({"genes": torch.tensor([[0.5], [2.0]], dtype=torch.bfloat16)}, tmp_path / "my.safetensors")
    assert all_rows(table(tmp_path / "my.safetensors", {"genes": {"array": "genes", "kind": "vector"}}).splits()).data[
        "genes"
    ].tolist() == [
        [0.5],
        [2],
    ]
