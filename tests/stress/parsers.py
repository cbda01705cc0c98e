"""The parsers of files that may come from anywhere: a small valid sample of each, and what reads it."""

from __future__ import annotations

import gzip
import pickle
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import mmgen
from mmgen.data.npy import read_npy
from mmgen.data.own_table.opening import open_source
from mmgen.errors import MmgenError
from mmgen.registry import load
from mmgen.runs.config import Plan, from_assignments, layered, read_recipe

TABLE = """path: {}
label: site
modalities:
  one: {{columns: weight, kind: vector}}
  two: {{columns: "h*", kind: counts}}
"""

RECIPE = """description: Mine.
scale: desk
extends: other
objective: {name: elbo}
dataset: {name: rats}
model: {latent_dim: 4, beta: 1.0}
training: {epochs: 3, optimizer: {name: Adam}}
modalities:
  all: {hidden: [8]}
"""
CONFIG = """objective: {name: elbo, mixture_sampling: stratified}
aggregator: {name: poe}
prior: normal
dataset: {name: table}
model: {latent_dim: 2, beta: 1.0, private_dim: 0}
modalities:
  one: {hidden: [4], likelihood: {name: normal}}
  all: {activation: relu}
training:
  epochs: 2
  batch_size: 8
  optimizer: {name: AdamW, weight_decay: 0.1}
  schedule: cosine
  seed: 3
metrics:
  coherence: {classifier_steps: 5}
"""


@dataclass(frozen=True)
class Parser:
    """How a sample is written into a folder, and how it is read in full."""

    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    quick: bool = True  # a few milliseconds each


def _write_table(folder: Path) -> Path:
    path = folder / "t.csv"
    rows = [f"{row / 8},{row % 5},{row % 3},{'ab'[row % 2]},s{row // 2}" for row in range(40)]
    path.write_text("\n".join(["weight,h0,h1,site,subject", *rows]) + "\n", encoding="utf-8")
    return path


def _format(name: str, options: dict[str, Any] | None = None, quick: bool = True) -> Parser:
    """A format of one's own tables, by the sample of its contract."""

    def write(folder: Path) -> Path:
        return load("formats", name).write_toy(folder)

    def read(path: Path) -> None:
        source = open_source(str(path))
        for column in source.names:
            for kind in (source.cells, source.array):
                try:
                    kind(column)
                except MmgenError:
                    continue
        split_rows_of(path, options or source.described())

    return Parser(write, read, quick)


def split_rows_of(path: Path, modalities: dict[str, Any]) -> None:
    """The rows of a table of one's own, as a training has them."""
    mmgen.make_dataset("table", {"path": str(path), "modalities": modalities}).splits()


def _columns(name: str) -> Parser:
    return _format(name, {"weight": {"columns": "weight", "kind": "vector"}})


def _arrays(name: str) -> Parser:
    return _format(name, {"genes": {"array": "genes", "kind": "vector"}})


def _write_described(folder: Path) -> Path:
    path = folder / "my.yaml"
    path.write_text(TABLE.format(_write_table(folder)), encoding="utf-8")
    return path


def _read_described(path: Path) -> None:
    mmgen.make_dataset("table", {"config": str(path)}).splits()


def _write_recipe(folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def _read_recipe(path: Path) -> None:
    other = path.with_name("other.yaml")
    other.write_text(
        "description: Other.\nscale: desk\nobjective: {name: elbo}\ndataset: {name: rats}\n", encoding="utf-8"
    )
    known = {"mine": path, "other": other, "x": path}

    def file_of(name: str) -> Path:
        if name not in known:
            raise MmgenError(f"There is no recipe {name!r}.")
        return known[name]

    try:
        with mock.patch("mmgen.runs.config.find_recipe_file", file_of):
            read_recipe("mine")
    finally:
        other.unlink()


def _write_config(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def _plan(**layers: Any) -> None:
    columns = np.arange(32.0).reshape(16, 2) + 0.5  # real numbers: whole ones would be counts
    data = mmgen.load_dataset({"one": columns, "two": columns.astype(int)})
    config = layered(**layers)
    Plan.of({**config, "dataset": {"name": "memory", **data.dataset.config.model_dump()}}, data)


def _read_config(path: Path) -> None:
    _plan(config=path)


def _write_setting(folder: Path) -> Path:
    path = folder / "settings.txt"
    path.write_text(
        "training.epochs=3\nmodel.latent_dim=2\nmodalities.one={hidden: [4], dropout: 0}\n"
        "objective.mixture_sampling=stratified\n"
        "training.optimizer={name: Adam, betas: [0.9, 0.99]}\nprior=normal\nmetrics.coherence.classifier_steps=3\n"
        "training.schedule.name=cosine\nmodalities.all.likelihood=laplace\naggregator=moe\nmodel.beta=1e-1\n",
        encoding="utf-8",
    )
    return path


def _read_setting(path: Path) -> None:
    for line in path.read_bytes().decode("utf-8", "surrogateescape").splitlines()[:12]:
        try:
            from_assignments([line])
            _plan(objective="elbo", dataset="table", assignments=[line])
        except MmgenError:
            continue


def _trained(folder: Path) -> Path:
    _write_table(folder)
    dataset = mmgen.make_dataset(
        "table",
        {
            "path": str(folder / "t.csv"),
            "modalities": {"one": {"columns": "weight"}, "two": {"columns": "h*", "kind": "counts"}},
            "label": "site",
        },
    )
    run = mmgen.train("elbo", dataset, output=folder / "run", epochs=1, latent_dim=2, quiet=True)
    run.evaluate(metrics=["reconstruction"])
    run.sampler("gmm")
    shutil.rmtree(folder / "run" / "checkpoints")
    return folder / "run"


def _read_run(path: Path) -> None:
    run = mmgen.load_run(path)
    _ = run.history, run.results, run.folder.environment(), repr(run), run._repr_html_()
    run.generate(n=2, sampler="gmm")
    run.encode()
    run.evaluate(metrics=["reconstruction"])


def _read_checkpoint(path: Path) -> None:
    from mmgen.runs.folder import RunFolder
    from mmgen.training.checkpoint import Checkpoint

    checkpoint = Checkpoint.read(RunFolder(path))
    model = mmgen.load_run(path).model
    checkpoint.restore(model, [])


def _with_checkpoint(folder: Path) -> Path:
    from mmgen.runs.folder import RunFolder
    from mmgen.training.checkpoint import Progress, save_checkpoint

    path = _trained(folder)
    save_checkpoint(RunFolder(path), mmgen.load_run(path).model, [], Progress(epoch=1))
    return path


def _write_idx(folder: Path) -> Path:
    place = folder / "idx"
    place.mkdir()
    images = struct.pack(">4I", 2051, 12, 28, 28) + bytes(range(256)) * (12 * 784 // 256) + bytes(12 * 784 % 256)
    labels = struct.pack(">2I", 2049, 12) + bytes(row % 10 for row in range(12))
    for part in ("train", "t10k"):
        (place / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images, 1))
        (place / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return place


def _read_idx(path: Path) -> None:
    from mmgen_plugin_vision import load_digits

    load_digits(path)


def _write_street_numbers(folder: Path) -> Path:
    from scipy.io import savemat

    random = np.random.default_rng(0)
    content = {
        "X": random.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8),
        "y": np.array([[1], [10], [3], [2]], np.uint8),
    }
    savemat(folder / "train_32x32.mat", content, do_compression=True)
    return folder / "train_32x32.mat"


def _read_street_numbers(path: Path) -> None:
    from mmgen_plugin_vision.street_numbers import read_street_numbers

    read_street_numbers(path)


def _write_matlab(folder: Path) -> Path:
    from scipy.io import savemat

    content = {
        "X1": np.arange(6.0).reshape(2, 3),
        "name": "text",
        "cell": np.array([1, "a"], object),
        "flag": np.array([True]),
    }
    savemat(folder / "m.mat", {**content, "struct": {"a": 1.5, "b": "c"}})
    return folder / "m.mat"


def _read_matlab(path: Path) -> None:
    mmgen.data.read_matlab(path)


def _write_pickles(folder: Path) -> Path:
    random = np.random.default_rng(0)
    pair = [random.random((3, 784)).astype(np.float32), np.arange(3)]
    with gzip.open(folder / "view.gz", "wb", 1) as file:
        pickle.dump([pair, pair, pair], file, protocol=2)
    return folder / "view.gz"


def _read_pickles(path: Path) -> None:
    from mmgen_plugin_two_view_mnist.reading import read_pickle_views

    read_pickle_views([path, path])


def _write_tensors(folder: Path) -> Path:
    import torch

    for split in ("train", "test"):
        (folder / "pt" / split).mkdir(parents=True)
        torch.save(torch.arange(4) % 10, folder / "pt" / split / "labels.pt")
        torch.save(torch.rand(4, 3, 28, 28), folder / "pt" / split / "m0.pt")
    return folder / "pt"


def _read_tensors(path: Path) -> None:
    from mmgen_plugin_polymnist.tensor_files import TensorFolder

    tensors = TensorFolder(path, 1)
    for split in ("train", "test"):
        tensors.digits(split)
        tensors.images(split, 0, np.arange(2))


def _write_npy(folder: Path) -> Path:
    np.save(folder / "a.npy", np.arange(12.0).reshape(4, 3))
    return folder / "a.npy"


def _read_npy(path: Path) -> None:
    read_npy(path)
    read_npy(path, mapped=True)


def _write_volumes(folder: Path) -> Path:
    import nibabel

    place = folder / "volumes"
    place.mkdir()
    for number, ending in enumerate((".nii", ".nii.gz")):
        values = np.arange(60, dtype=np.float32).reshape(3, 4, 5) + number
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), place / f"v{number}{ending}")
    return place


def _read_volumes(path: Path) -> None:
    table = path / "t.csv"
    table.write_text("scan,x\n" + "".join(f"v{row % 2}{'.nii.gz' if row % 2 else '.nii'},{row}\n" for row in range(8)))
    try:
        split_rows_of(table, {"scan": {"columns": "scan", "kind": "volume"}, "x": {"columns": "x", "kind": "vector"}})
    finally:
        table.unlink()


def _write_pictures(folder: Path) -> Path:
    from PIL import Image

    place = folder / "pictures"
    place.mkdir()
    random = np.random.default_rng(0)
    for number, ending in enumerate(("png", "tif", "gif", "jpg", "bmp", "webp")):
        Image.fromarray(random.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(place / f"p{number}.{ending}")
    return place


def _read_pictures(path: Path) -> None:
    names = sorted(file.name for file in path.iterdir())
    table = path / "t.csv"
    table.write_text("scan,x\n" + "".join(f"{names[row % len(names)]},{row}\n" for row in range(12)))
    try:
        split_rows_of(table, {"scan": {"columns": "scan", "kind": "image"}, "x": {"columns": "x", "kind": "vector"}})
    finally:
        table.unlink()


def _write_folder(folder: Path) -> Path:
    place = folder / "folder"
    place.mkdir()
    rows = "".join(f'{{"weight": {row / 8}, "h0": {row % 5}, "site": "{"ab"[row % 2]}"}}\n' for row in range(20))
    (place / "train.jsonl").write_text(rows, encoding="utf-8")
    (place / "test.jsonl").write_text(rows, encoding="utf-8")
    (place / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: train, path: train.jsonl}\n"
        "  - {split: test, path: test.jsonl}\n---\n",
        encoding="utf-8",
    )
    return place


def _write_saved(folder: Path) -> Path:
    import datasets

    columns = {"weight": [row / 8 for row in range(20)], "h0": [row % 5 for row in range(20)]}
    datasets.Dataset.from_dict(columns).save_to_disk(folder / "saved")
    return folder / "saved"


def _read_folder(path: Path) -> None:
    split_rows_of(path, {"weight": {"columns": "weight", "kind": "vector"}, "h": {"columns": "h0", "kind": "vector"}})


PARSERS: dict[str, Parser] = {
    **{name: _columns(name) for name in ("csv", "tsv", "json", "jsonl", "parquet", "arrow")},
    **{name: _arrays(name) for name in ("npz", "safetensors")},
    **{name: _format(name, quick=False) for name in ("h5ad", "h5mu", "zarr", "nwb")},
    "folder": Parser(_write_folder, _read_folder, quick=False),
    "saved": Parser(_write_saved, _read_folder, quick=False),
    "yaml": Parser(_write_described, _read_described),
    "recipe": Parser(_write_recipe, _read_recipe),
    "config": Parser(_write_config, _read_config),
    "set": Parser(_write_setting, _read_setting, quick=False),
    "run": Parser(_trained, _read_run, quick=False),
    "checkpoint": Parser(_with_checkpoint, _read_checkpoint),
    "idx": Parser(_write_idx, _read_idx),
    "svhn": Parser(_write_street_numbers, _read_street_numbers),
    "mat": Parser(_write_matlab, _read_matlab),
    "pickle": Parser(_write_pickles, _read_pickles),
    "pt": Parser(_write_tensors, _read_tensors),
    "npy": Parser(_write_npy, _read_npy),
    "nifti": Parser(_write_volumes, _read_volumes),
    "pictures": Parser(_write_pictures, _read_pictures),
}
