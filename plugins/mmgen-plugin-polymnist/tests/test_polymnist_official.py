"""The official layouts: written small with all ten labels and read back identical, and each defect as one sentence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import mmgen
from mmgen import DataError
from mmgen.testing import raises_sentence
from mmgen_plugin_polymnist import decoding, official
from mmgen_plugin_polymnist.polymnist import PolyMNIST, TranslatedPolyMNIST

PER_DIGIT = {"train": 4, "test": 2}
MODALITIES = 3


def images(split: str, m: int) -> dict[tuple[int, int], np.ndarray]:
    """By (digit, index): noise, channels last."""
    draw = np.random.default_rng([len(split), m])
    keys = [(digit, index) for digit in range(10) for index in range(PER_DIGIT[split])]
    return {key: draw.integers(0, 256, (28, 28, 3)).astype(np.uint8) for key in keys}


def write_png(folder: Path) -> Path:
    """In another order for every modality, with files beside them that do not matter."""
    for split in PER_DIGIT:
        for m in range(MODALITIES):
            place = folder / split / f"m{m}"
            place.mkdir(parents=True)
            made = list(images(split, m).items())
            for i in np.random.default_rng(m).permutation(len(made)):
                (digit, index), pixels = made[i]
                Image.fromarray(pixels).save(place / f"{index}.{digit}.png")
            (place / ".DS_Store").write_text("x")
            (place / "._0.0.png").write_text("x")
            (place / "README.txt").write_text("x")
    (folder / "README.txt").write_text("x")
    return folder


def write_tensors(folder: Path, floats: bool = False) -> Path:
    for split in PER_DIGIT:
        (folder / split).mkdir(parents=True)
        order = np.random.default_rng(9).permutation(10 * PER_DIGIT[split])  # rows need not be sorted by digit
        keys = [list(images(split, 0))[i] for i in order]
        torch.save(torch.tensor([digit for digit, _ in keys]), folder / split / "labels.pt")
        for m in range(MODALITIES):
            made = images(split, m)
            stacked = torch.from_numpy(np.stack([made[key] for key in keys])).permute(0, 3, 1, 2).contiguous()
            torch.save(stacked / 255 if floats else stacked, folder / split / f"m{m}.pt")
    return folder


def read(root: Path, kind: type[PolyMNIST] = PolyMNIST, **options: object) -> mmgen.Splits:
    return kind(kind.Config(root=root, modalities=MODALITIES, **options)).splits()


def check_read_back(splits: mmgen.Splits) -> None:
    """Every tuple is there once, on one side, with the images that belong together."""
    for split, tables in (("train", (splits.train, splits.val)), ("test", (splits.test,))):
        made = [images(split, m) for m in range(MODALITIES)]
        where = {pixels.tobytes(): key for key, pixels in made[0].items()}
        seen = []
        for table in tables:
            for row in range(len(table)):
                shown = [np.moveaxis(table.data[f"m{m}"][row].numpy(), 0, -1) for m in range(MODALITIES)]
                key = where[shown[0].tobytes()]
                assert all(np.array_equal(pixels, made[m][key]) for m, pixels in enumerate(shown))
                assert table.labels["digit"][row] == key[0]
                seen.append(key)
        assert sorted(seen) == sorted(made[0])


LAYOUTS = [
    (write_png, "", PolyMNIST),
    (write_png, "PolyMNIST", PolyMNIST),
    (write_png, "PolyMNIST_translated_scale075", TranslatedPolyMNIST),
    (write_png, "Translated_MMNIST_scale_75_translated_True", TranslatedPolyMNIST),
    (write_tensors, "", PolyMNIST),
    (write_tensors, "MMNIST", PolyMNIST),
    (lambda folder: write_tensors(folder, floats=True), "MMNIST", PolyMNIST),
]


@pytest.mark.parametrize(("write", "name", "kind"), LAYOUTS)
def test_layouts_read_back_identical(tmp_path, write, name, kind):
    folder = write(tmp_path / "here" / name)
    splits = read(tmp_path / "here", kind, val_fraction=0.25)
    check_read_back(splits)
    assert torch.bincount(splits.val.labels["digit"]).tolist() == [1] * 10
    assert splits.test.labels["digit"].tolist() == [*range(10), *range(10)], "digits take turns"
    assert splits.provenance == mmgen.Provenance(
        "real", f"30/10/20 tuples of the official {kind.title} images", str(folder)
    )
    assert splits.train.data["m0"].dtype == torch.uint8
    assert all(path.exists() for path in kind(kind.Config(root=tmp_path / "here", modalities=MODALITIES)).sources())


def test_png_and_tensors_agree(tmp_path):
    one, two = read(write_png(tmp_path / "png")), read(write_tensors(tmp_path / "pt"))
    for name in one.test.data:
        assert sorted(map(bytes, one.test.data[name].numpy())) == sorted(map(bytes, two.test.data[name].numpy()))


def test_many_images_are_decoded_in_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "CHUNK", 3)
    monkeypatch.setattr(decoding, "cpu_count", lambda: 2)
    draw, paths = np.random.default_rng(0), [tmp_path / f"{i}.png" for i in range(11)]
    images = draw.integers(0, 256, (11, 28, 28, 3), dtype=np.uint8)
    for path, pixels in zip(paths, images, strict=True):
        Image.fromarray(pixels).save(path)
    parts = list(decoding.decode_images(paths))
    assert [len(part) for part in parts] == [3, 3, 3, 2]
    assert np.array_equal(np.concatenate(parts), images.transpose(0, 3, 1, 2))
    paths[7].write_bytes(b"none")
    with pytest.raises(DataError, match=r"7\.png is truncated or damaged, or no PNG image\.$"):
        list(decoding.decode_images(paths))


def test_fewer_modalities_and_fewer_tuples(tmp_path):
    folder = write_png(tmp_path / "png")
    splits = PolyMNIST(PolyMNIST.Config(root=folder, modalities=1, max_tuples=12, val_fraction=0.25)).splits()
    assert [len(table) for table in (splits.train, splits.val, splits.test)] == [12, 10, 12]
    assert list(splits.test.data) == ["m0"]
    assert len(PolyMNIST(PolyMNIST.Config(root=folder, modalities=1)).sources()) == 2


def test_the_cache_notices_files_that_come(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    folder = write_png(tmp_path / "png")
    first = mmgen.load_dataset("polymnist", root=folder, modalities=1)
    for split in PER_DIGIT:
        Image.fromarray(np.zeros((28, 28, 3), np.uint8)).save(folder / split / "m0" / "99.3.png")
        os.utime(folder / split / "m0", ns=(1, len(split)))  # whatever the resolution of the clock
    assert len(mmgen.load_dataset("polymnist", root=folder, modalities=1).test) == len(first.test) + 1


def resaved(path: Path, change: str) -> None:
    image = Image.open(path)
    image.load()
    (image.resize((32, 28)) if change == "size" else image.convert(change)).save(path)


PNG_DEFECTS = [
    (
        lambda f: (f / "test/m1/1.7.png").write_bytes((f / "test/m1/1.7.png").read_bytes()[:500]),
        r"test/m1/1\.7\.png is truncated or damaged, or",
    ),
    (
        lambda f: (f / "test/m1/1.7.png").write_bytes(b""),
        r"test/m1/1\.7\.png is truncated or damaged, or no PNG image\.$",
    ),
    (
        lambda f: (f / "test/m1/1.7.png").unlink(),
        r"There is no .*test/m1/1\.7\.png, and there is .*test/m0/1\.7\.png; a tuple has one image",
    ),
    (
        lambda f: (f / "train/m0/3.0.png").unlink(),
        r"There is no .*train/m0/3\.0\.png, and there is .*train/m1/3\.0\.png; a tuple",
    ),
    (
        lambda f: (f / "train/m2/3.0.png").rename(f / "train/m2/3.1.png"),
        r"There is no .*train/m2/3\.0\.png, and there is .*train/m0/3\.0\.png",
    ),
    (
        lambda f: (f / "train/m2/3.0.png").rename(f / "train/m2/7.0.png"),
        r"There is no .*train/m2/3\.0\.png, and there is",
    ),
    (
        lambda f: shutil.copy(f / "train/m2/3.0.png", f / "train/m2/03.0.png"),
        r"train/m2/0?3\.0\.png and 0?3\.0\.png beside it are the same index",
    ),
    (
        lambda f: (f / "train/m2/3.0.png").rename(f / "train/m2/three.png"),
        r"train/m2/three\.png is not named INDEX\.DIGIT\.png with a digit",
    ),
    (
        lambda f: resaved(f / "train/m0/0.5.png", "size"),
        r"train/m0/0\.5\.png has 32×28 pixels; it should have 28×28\.$",
    ),
    (
        lambda f: resaved(f / "train/m0/0.5.png", "L"),
        r"train/m0/0\.5\.png is an image of the mode L; it should be in colour",
    ),
    (
        lambda f: resaved(f / "train/m0/0.5.png", "RGBA"),
        r"train/m0/0\.5\.png is an image of the mode RGBA; it should be in colour",
    ),
    (
        lambda f: shutil.rmtree(f / "test/m2"),
        r"There is no folder .*test/m2; set dataset\.modalities to the number that is there",
    ),
    (
        lambda f: [path.unlink() for path in (f / "test/m0").glob("[0-9]*.png")],
        r"test/m0 holds no images INDEX\.DIGIT\.png\.$",
    ),
    (
        lambda f: shutil.copytree(f / "test/m0", f / "test/m2", dirs_exist_ok=True),
        r"test has the same images in m0 and in m2; one of the two is a copy",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), PNG_DEFECTS)
def test_each_defect_of_png_files_is_one_sentence(tmp_path, spoil, sentence):
    folder = write_png(tmp_path / "png")
    spoil(folder)
    with raises_sentence(sentence, mmgen.DataError):
        read(folder)


def test_train_and_test_must_differ(tmp_path):
    folder = write_png(tmp_path / "png")
    shutil.rmtree(folder / "test")
    shutil.copytree(folder / "train", folder / "test")
    with pytest.raises(
        mmgen.DataError, match=r"has the same images in train and in test; one of the two is a copy of the other\.$"
    ):
        read(folder, val_fraction=0)


def spoilt(path: Path, change: object) -> None:
    torch.save(change(torch.load(path)), path)


TENSOR_DEFECTS = [
    (
        lambda f: (f / "test/m1.pt").write_bytes((f / "test/m1.pt").read_bytes()[:3000]),
        r"test/m1\.pt is truncated or damaged, or no file of tensors",
    ),
    (lambda f: (f / "test/m1.pt").write_bytes(b""), r"test/m1\.pt is truncated or damaged, or no file of tensors"),
    (
        lambda f: (f / "test/m1.pt").unlink(),
        r"There is no .*test/m1\.pt; m0\.pt, m1\.pt, … and labels\.pt belong there",
    ),
    (lambda f: (f / "train/labels.pt").unlink(), r"There is no .*train/labels\.pt; m0\.pt"),
    (
        lambda f: spoilt(f / "test/m1.pt", lambda x: x[:-1]),
        r"test/m1\.pt has 19 images, and labels\.pt beside it has 20 labels; one belongs",
    ),
    (
        lambda f: spoilt(f / "test/m1.pt", lambda x: x.permute(0, 2, 3, 1)),
        r"m1\.pt should hold images \[N, 3, 28, 28\], and holds a tensor \[20, 28, 28, 3\]",
    ),
    (
        lambda f: spoilt(f / "test/m1.pt", lambda x: x.float()),
        r"test/m1\.pt has values outside 0 to 1; images are bytes, or numbers from 0 to 1\.$",
    ),
    (lambda f: spoilt(f / "test/m1.pt", lambda x: x * float("nan")), r"test/m1\.pt has values outside 0 to 1"),
    (
        lambda f: spoilt(f / "test/m1.pt", lambda x: {"images": x}),
        r"m1\.pt should hold images \[N, 3, 28, 28\], and holds a dict\.$",
    ),
    (
        lambda f: spoilt(f / "train/labels.pt", lambda x: x + 1),
        r"train/labels\.pt has the label 10 in row \d+; labels are 0 to 9\.$",
    ),
    (
        lambda f: spoilt(f / "train/labels.pt", lambda x: x / 2),
        r"train/labels\.pt has the label \d\.5 in row \d+; labels are 0 to 9\.$",
    ),
    (
        lambda f: shutil.copy(f / "test/m1.pt", f / "test/labels.pt"),
        r"test/labels\.pt should hold one digit per tuple, and holds a tensor \[20, 3, 28",
    ),
    (
        lambda f: shutil.copy(f / "test/labels.pt", f / "test/m1.pt"),
        r"test/m1\.pt should hold images .*, and holds a tensor \[20\] of torch\.int64\.$",
    ),
    (
        lambda f: shutil.copy(f / "train/m0.pt", f / "train/m2.pt"),
        r"train has the same images in m0 and in m2; one of the two is a copy",
    ),
    (
        lambda f: shutil.copy(f / "train/m0.pt", f / "test/m0.pt"),
        r"test/m0\.pt has 40 images, and labels\.pt beside it has 20 labels",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), TENSOR_DEFECTS)
def test_each_defect_of_tensors_is_one_sentence(tmp_path, spoil, sentence):
    folder = write_tensors(tmp_path / "pt")
    spoil(folder)
    with raises_sentence(sentence, mmgen.DataError):
        read(folder)


def test_code_in_a_file_is_not_run(tmp_path):
    folder = write_tensors(tmp_path / "pt")
    torch.save(SimpleNamespace(images=1), folder / "test" / "m0.pt")
    with pytest.raises(mmgen.DataError, match=r"test/m0\.pt is truncated or damaged, or no file of tensors"):
        read(folder)


def test_labels_may_be_a_list(tmp_path):
    folder = write_tensors(tmp_path / "pt")
    for split in PER_DIGIT:
        spoilt(folder / split / "labels.pt", lambda x: x.tolist())
    check_read_back(read(folder))


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_images_is_one_sentence(tmp_path, name):
    what = "does not exist" if name else "holds no official images"
    with pytest.raises(
        mmgen.DataError,
        match=rf"dataset\.root: .* {what}; train/m0/INDEX\.DIGIT\.png … or .* a folder PolyMNIST or MMNIST in it\.$",
    ):
        read(tmp_path / name)
    with pytest.raises(
        mmgen.DataError, match=r"PolyMNIST_translated_scale070 or Translated_MMNIST_scale_70_translated_True in it\.$"
    ):
        read(tmp_path / name, TranslatedPolyMNIST, scale=0.7)
    assert PolyMNIST(PolyMNIST.Config(root=tmp_path / name)).sources() == []


def test_downloads(tmp_path, monkeypatch):
    archive = tmp_path / "archive"
    write_tensors(archive / "MMNIST")

    def works(url, place, remove_finished):
        assert (url, remove_finished) == ("https://zenodo.org/record/4899160/files/PolyMNIST.zip", True)
        shutil.copytree(archive, place, dirs_exist_ok=True)

    def refuses(url, place, remove_finished):
        (Path(place) / "half of it").write_text("x")
        raise OSError("<urlopen error [Errno -3] no name>\nmore")

    utils = SimpleNamespace(download_and_extract_archive=refuses)
    monkeypatch.setattr(official, "torchvision", lambda: SimpleNamespace(datasets=SimpleNamespace(utils=utils)))
    root = tmp_path / "new"
    with raises_sentence(
        r"^PolyMNIST could not be downloaded \(<urlopen error .*\); "
        r"fetch https://zenodo\.org/.* and unpack it into",
        mmgen.DataError,
    ):
        read(root, download=True)
    assert list(root.iterdir()) == [], "a broken download leaves nothing behind"
    utils.download_and_extract_archive = works
    check_read_back(read(root, download=True))
    assert [path.name for path in root.iterdir()] == ["MMNIST"]
    utils.download_and_extract_archive = refuses
    check_read_back(read(root, download=True))  # what is there is not fetched again
    (archive / "MMNIST").rename(archive / "something")
    utils.download_and_extract_archive = works
    with pytest.raises(mmgen.DataError, match="does not hold PolyMNIST in a known layout"):
        read(tmp_path / "other", download=True)
