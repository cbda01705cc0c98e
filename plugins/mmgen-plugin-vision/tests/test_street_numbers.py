"""SVHN's files and their defects, and the rendered street numbers."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat

from mmgen import DataError, MmgenError
from mmgen_plugin_vision import rendered_numbers, street_numbers
from mmgen_plugin_vision.rendered_numbers import FACES, LUMA
from mmgen_plugin_vision.street_numbers import load_street_numbers, read_street_numbers, street_number_files


def official(count: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of a file: every label from 1 to 10, images of noise."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % 10 + 1).astype(np.uint8)
    return {"X": draw.integers(256, size=(32, 32, 3, count), dtype=np.uint8), "y": labels[:, None]}


@pytest.fixture
def folder(tmp_path) -> Path:
    savemat(tmp_path / "train_32x32.mat", official(30, 1), do_compression=True)
    savemat(tmp_path / "test_32x32.mat", official(20, 2), do_compression=True)
    return tmp_path


@pytest.fixture(scope="module")
def rendered() -> street_numbers.StreetNumbers:
    return load_street_numbers(None, count=(600, 100))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("place", [".", "SVHN"])
def test_the_official_files_are_read_as_they_are(tmp_path, place, compressed):
    (tmp_path / place).mkdir(exist_ok=True)
    written = {"train": official(30, 1), "test": official(20, 2)}
    for part, content in written.items():
        savemat(tmp_path / place / f"{part}_32x32.mat", content, do_compression=compressed)
    numbers = load_street_numbers(tmp_path)
    for part, content in written.items():
        images, digits = getattr(numbers, part)
        assert images.dtype == np.uint8 and images.flags.c_contiguous and digits.dtype == np.int64
        assert images.shape == (content["X"].shape[3], 3, 32, 32)
        for n, (image, digit) in enumerate(zip(images, digits)):
            assert digit == {10: 0}.get(int(content["y"][n, 0]), int(content["y"][n, 0]))
            assert all(np.array_equal(image[channel], content["X"][:, :, channel, n]) for channel in range(3))
        assert set(digits.tolist()) == set(range(10))
    assert (numbers.kind, numbers.source) == ("real", str(tmp_path))
    assert numbers.summary == "30/20 SVHN street-number digits"
    assert street_number_files(tmp_path) == [tmp_path / place / f"{part}_32x32.mat" for part in ("train", "test")]


def changed(**arrays) -> dict[str, np.ndarray]:
    return {**official(30, 1), **arrays}


LABELS = official(30, 1)["y"]
DEFECTS = {
    "no X": ({"Z": LABELS, "y": LABELS}, "has no array X, but Z, y"),
    "neither": ({"Z": LABELS}, "has no array X and no y, but Z"),
    "grey": (changed(X=np.zeros((32, 32, 30), np.uint8)), r"X of shape \[32, 32, 30\] .*should be \[32, 32, 3, n\]"),
    "other order": (changed(X=np.zeros((30, 3, 32, 32), np.uint8)), r"X of shape \[30, 3, 32, 32\]"),
    "floating point": (changed(X=np.zeros((32, 32, 3, 30))), "type float64"),
    "no images": (changed(X=np.zeros((32, 32, 3, 0), np.uint8), y=LABELS[:0]), r"\[32, 32, 3, n\]|no images"),
    "words": (changed(X="abc"), "X of shape"),
    "one label too few": (changed(y=LABELS[1:]), "30 images in X and 29 labels in y"),
    "label 11": (changed(y=np.where(np.arange(30)[:, None] == 4, 11, LABELS)), "label 11 at position 5 of y"),
    "label 0": (
        changed(y=np.where(np.arange(30)[:, None] == 2, 0, LABELS)),
        "label 0 at position 3 of y; labels are 1 to 10",
    ),
    "label that is no number": (
        changed(y=np.where(np.arange(30)[:, None] == 2, np.nan, LABELS)),
        "label nan at position 3",
    ),
    "label of letters": (changed(y=np.array(["a"] * 30)), "label a at position 1"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_one_sentence_that_names_the_file(folder, name):
    content, sentence = DEFECTS[name]
    savemat(folder / "test_32x32.mat", content)
    with pytest.raises(DataError, match=sentence) as caught:
        load_street_numbers(folder)
    text = str(caught.value)
    assert text.startswith(str(folder / "test_32x32.mat"))
    assert text.endswith(".") and "\n" not in text


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file(folder, compressed):
    path = folder / "train_32x32.mat"
    savemat(path, official(30, 1), do_compression=compressed)
    content = path.read_bytes()
    for share in (0, 0.0004, 0.001, 0.002, 0.3, 0.9, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match=r"train_32x32.mat is truncated, damaged, or no MATLAB file") as caught:
            read_street_numbers(path)
        assert "\n" not in str(caught.value)


def test_something_else_under_the_name(folder):
    for content in (
        b"<!DOCTYPE html><html>503 Service Unavailable</html>" * 40,
        os.urandom(5000),
        b"\x89HDF\r\n\x1a\n" + bytes(3000),
    ):
        (folder / "train_32x32.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"train_32x32.mat .*(no MATLAB file|has no array X)"):
            load_street_numbers(folder)


def test_missing_files(folder):
    with pytest.raises(
        DataError, match=r"There is no folder .*nowhere; it should hold train_32x32.mat and test_32x32.mat"
    ):
        load_street_numbers(folder / "nowhere")
    (folder / "test_32x32.mat").unlink()
    with pytest.raises(DataError, match=r"There is no test_32x32.mat in .* or in its folder SVHN; both come from http"):
        load_street_numbers(folder)
    assert street_number_files(folder) == [folder / "train_32x32.mat"]
    assert street_number_files(None) == []


def test_swapped_and_duplicated_files(folder, monkeypatch):
    monkeypatch.setattr(street_numbers, "OFFICIAL", {"train": 30, "test": 20})
    load_street_numbers(folder)
    (folder / "train_32x32.mat").rename(folder / "other")
    (folder / "test_32x32.mat").rename(folder / "train_32x32.mat")
    (folder / "other").rename(folder / "test_32x32.mat")
    with pytest.raises(DataError, match=r"train_32x32.mat has 20 images .*seem to be swapped"):
        load_street_numbers(folder)
    savemat(folder / "train_32x32.mat", official(25, 3))
    savemat(folder / "test_32x32.mat", official(25, 3))
    with pytest.raises(DataError, match=r"test_32x32.mat holds the same images as .*train_32x32.mat"):
        load_street_numbers(folder)


def test_download(tmp_path, monkeypatch):
    asked = []

    def fetch(root: str, split: str, download: bool) -> None:
        asked.append(split)
        savemat(Path(root) / f"{split}_32x32.mat", official(20, len(asked)))

    def refuse(root: str, split: str, download: bool) -> None:
        raise OSError("<urlopen error [Errno -2] Name or service not known>\nand more")

    def offer(function) -> None:
        monkeypatch.setattr(
            street_numbers, "torchvision", lambda: SimpleNamespace(datasets=SimpleNamespace(SVHN=function))
        )

    offer(refuse)
    with pytest.raises(
        DataError, match=r"could not be downloaded \(.*not known>\); fetch train_32x32.mat from http.* put it into "
    ) as caught:
        load_street_numbers(tmp_path, download=True)
    assert "\n" not in str(caught.value)
    savemat(tmp_path / "train_32x32.mat", official(30, 7))
    offer(fetch)
    assert load_street_numbers(tmp_path, download=True).summary == "30/20 SVHN street-number digits"
    assert asked == ["test"]  # what is there is not fetched again
    with pytest.raises(DataError, match="needs a folder"):
        load_street_numbers(None, download=True)


def test_without_torchvision_the_sentence_is_its_own(tmp_path, monkeypatch):
    def missing() -> None:
        raise MmgenError("This needs the package torchvision.")

    monkeypatch.setattr(street_numbers, "torchvision", missing)
    with pytest.raises(MmgenError, match=r"^This needs the package torchvision\.$"):
        load_street_numbers(tmp_path, download=True)


def test_rendered_numbers_say_so_and_have_every_digit_equally(rendered):
    assert (rendered.kind, rendered.source) == ("stand-in", "matplotlib")
    assert rendered.summary == "600/100 street-number-like digits rendered from matplotlib's fonts"
    for (images, digits), count in ((rendered.train, 600), (rendered.test, 100)):
        assert images.shape == (count, 3, 32, 32) and images.dtype == np.uint8
        assert np.bincount(digits).tolist() == [count // 10] * 10
    everything = np.concatenate([rendered.train[0], rendered.test[0]]).reshape(700, -1)
    assert len(np.unique(everything, axis=0)) == 700


def test_the_seed_decides_every_byte(rendered):
    again = load_street_numbers(None, count=(600, 100))
    other = load_street_numbers(None, count=(600, 100), seed=1)
    for part in ("train", "test"):
        for one, two in zip(getattr(rendered, part), getattr(again, part)):
            assert one.tobytes() == two.tobytes()
        assert getattr(rendered, part)[0].tobytes() != getattr(other, part)[0].tobytes()
    assert not np.array_equal(rendered.train[1][:100], rendered.test[1])  # not the same random numbers


def test_the_test_images_do_not_depend_on_the_number_of_training_images(rendered):
    few = load_street_numbers(None, count=(20, 100))
    assert few.test[0].tobytes() == rendered.test[0].tobytes()


def test_a_digit_stands_in_the_middle_and_against_its_wall():
    draw = np.random.default_rng(5)
    digits = np.arange(300) % 10
    masks = rendered_numbers.outlines(digits, draw)
    images = rendered_numbers.paint(masks, draw)
    assert masks.min() == 0 and masks.max() <= 1
    assert (masks[:, 8:24, 8:24].sum((1, 2)) > 15).all()
    brightness = np.tensordot(images.astype(float), LUMA, ((1,), (0,))).reshape(300, -1)
    seen = np.array([abs(np.corrcoef(one, two)[0, 1]) for one, two in zip(brightness, masks.reshape(300, -1))])
    assert np.median(seen) > 0.75
    assert (seen > 0.35).mean() > 0.95


def test_the_faces_have_ten_different_digits():
    from PIL import Image, ImageDraw

    for face in FACES:
        drawn = set()
        for digit in range(10):
            canvas = Image.new("L", (80, 100))
            ImageDraw.Draw(canvas).text((40, 80), str(digit), font=rendered_numbers.font(face), fill=255, anchor="ms")
            assert np.asarray(canvas).mean() > 5
            drawn.add(canvas.tobytes())
        assert len(drawn) == 10


def test_a_font_that_is_not_there(monkeypatch):
    monkeypatch.setattr(rendered_numbers, "FACES", ("NoSuchFace",))
    with pytest.raises(DataError, match=r"There is no font .*NoSuchFace.ttf, which matplotlib ships"):
        load_street_numbers(None, count=(10, 10))
