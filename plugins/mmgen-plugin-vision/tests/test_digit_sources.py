"""idx files of digits in their published layouts, their defects, the embedded digits, and the import of torchvision."""

import gzip
import importlib.util
import os
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmgen import DataError, MmgenError, vision
from mmgen_plugin_vision import digits as source
from mmgen_plugin_vision.digits import FILES, digit_files, load_digits, read_images, read_labels

REAL = Path(os.environ.get("MMGEN_TEST_DATA", "nowhere")) / "mnist"


def images_file(images):
    return struct.pack(">IIII", 2051, *images.shape) + images.tobytes()


def labels_file(labels):
    return struct.pack(">II", 2049, len(labels)) + labels.astype(np.uint8).tobytes()


def made(part):
    """Images of noise and shuffled labels of all ten classes."""
    draw = np.random.default_rng({"train": 1, "test": 2}[part])
    labels = draw.permutation(np.repeat(np.arange(10), {"train": 7, "test": 5}[part]))
    return draw.integers(0, 256, (len(labels), 28, 28)).astype(np.uint8), labels


def write(folder, parts=("train", "test"), ending=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for name, content in zip(FILES[part], (images_file(made(part)[0]), labels_file(made(part)[1]))):
            (folder / f"{name}{ending}").write_bytes(gzip.compress(content, mtime=0) if ending else content)
    return folder


@pytest.mark.parametrize(
    ("place", "ending", "what"),
    [
        ("mnist", "", "70/50 MNIST digits"),
        ("mnist/raw", ".gz", "70/50 MNIST digits"),
        ("here/MNIST/raw", "", "70/50 MNIST digits"),
        ("here/FashionMNIST/raw", ".gz", "70/50 Fashion-MNIST images"),
        ("fashion-mnist", ".gz", "70/50 Fashion-MNIST images"),
        ("here/KMNIST/raw", "", "70/50 KMNIST images"),
        ("kmnist/MNIST/raw", "", "70/50 MNIST digits"),
        ("here", ".gz", "70/50 images of idx files"),
    ],
)
def test_all_layouts_read_back_identical(tmp_path, monkeypatch, place, ending, what):
    monkeypatch.chdir(tmp_path)  # the folder of the test must not lend its name to the set
    write(Path(place), ending=ending)
    folder = Path(place.split("/")[0])
    read = load_digits(folder)
    for part in ("train", "test"):
        (images, labels), (true_images, true_labels) = getattr(read, part), made(part)
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
        assert np.array_equal(images, true_images)
        assert np.array_equal(labels, true_labels)
    assert (read.kind, read.summary, read.source) == ("real", what, str(folder))
    assert digit_files(folder) == [Path(place) / f"{name}{ending}" for pair in FILES.values() for name in pair]


def test_test_images_alone_are_split(tmp_path):
    folder = write(tmp_path / "mnist", parts=("test",))
    read = load_digits(folder)
    assert read.summary == "40/10 digits of the MNIST test files"
    assert np.bincount(read.train[1]).tolist() == [4] * 10
    assert np.bincount(read.test[1]).tolist() == [1] * 10
    images, labels = made("test")
    where = {image.tobytes(): number for number, image in enumerate(images)}
    sides = [[where[image.tobytes()] for image in part[0]] for part in (read.train, read.test)]
    assert sorted(sides[0] + sides[1]) == list(range(50))
    assert sides == [sorted(sides[0]), sorted(sides[1])]
    for side, part in zip(sides, (read.train, read.test)):
        assert np.array_equal(labels[side], part[1])
    assert np.array_equal(load_digits(folder).test[0], read.test[0])
    assert not np.array_equal(load_digits(folder, seed=1).test[0], read.test[0])


def test_the_fullest_place_wins(tmp_path):
    write(tmp_path, parts=("test",))
    write(tmp_path / "MNIST" / "raw")
    assert len(load_digits(tmp_path).train[1]) == 70
    write(tmp_path / "KMNIST" / "raw")
    with pytest.raises(DataError, match=r"holds idx files in KMNIST/raw and MNIST/raw; name one of these folders\.$"):
        load_digits(tmp_path)


def replaced(content, **changes):
    return {**content, **changes}


IMAGES, LABELS = images_file(made("test")[0]), labels_file(made("test")[1])
GZ = gzip.compress(LABELS, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "t10k-images-idx3-ubyte",
            IMAGES[:-1],
            r"t10k-images-idx3-ubyte is truncated: its header announces 39216 bytes, and it has 39215\.$",
        ),
        (
            "t10k-images-idx3-ubyte",
            IMAGES[:9],
            r"t10k-images-idx3-ubyte is truncated: it has 9 bytes, less than the header",
        ),
        (
            "t10k-images-idx3-ubyte",
            IMAGES + b"\0",
            r"t10k-images-idx3-ubyte is too long: its header announces 39216 bytes",
        ),
        (
            "t10k-images-idx3-ubyte",
            LABELS,
            r"t10k-images-idx3-ubyte is no idx file of images; it is an idx file of labels: .* swapped\.$",
        ),
        (
            "t10k-labels-idx1-ubyte",
            IMAGES,
            r"t10k-labels-idx1-ubyte is no idx file of labels; it is an idx file of images: .* swapped\.$",
        ),
        (
            "t10k-images-idx3-ubyte",
            b"\0\0\x08\x02" + IMAGES[4:],
            r"is no idx file of images; it begins with 2050, not 2051\.$",
        ),
        (
            "t10k-images-idx3-ubyte",
            images_file(np.zeros((3, 20, 28), np.uint8)),
            r"has images of 20×28 pixels; they should have 28×28\.$",
        ),
        ("t10k-images-idx3-ubyte", images_file(np.zeros((0, 28, 28), np.uint8)), r"has 50 labels, and .* has 0 images"),
        (
            "t10k-labels-idx1-ubyte",
            labels_file(np.arange(9)),
            r"t10k-labels-idx1-ubyte has 9 labels, and .*t10k-images-idx3-ubyte has 50 images",
        ),
        (
            "t10k-labels-idx1-ubyte",
            labels_file(np.arange(11)),
            r"t10k-labels-idx1-ubyte has the label 10 at position 11; labels are 0 to 9\.$",
        ),
        (
            "t10k-labels-idx1-ubyte",
            None,
            r"There is no t10k-labels-idx1-ubyte \(or the same with \.gz\) in .*images and labels come in pairs",
        ),
        ("t10k-images-idx3-ubyte", None, r"There is no t10k-images-idx3-ubyte \(or the same with \.gz\) in"),
        ("train-labels-idx1-ubyte", None, r"There is no train-labels-idx1-ubyte \(or the same with \.gz\) in"),
    ],
)
def test_each_defect_is_one_sentence(tmp_path, name, content, sentence):
    folder = write(tmp_path / "mnist", ending="")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        load_digits(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (LABELS, r"t10k-labels-idx1-ubyte.gz is not a gzip file, although it is named so, or it is damaged\.$"),
        (GZ[:-9], r"t10k-labels-idx1-ubyte.gz is truncated or damaged: the gzip stream does not come to its end\.$"),
        (GZ[:12] + b"\xff" * 8 + GZ[20:], r"t10k-labels-idx1-ubyte.gz is (truncated or damaged|not a gzip file)"),
        (b"", r"t10k-labels-idx1-ubyte.gz is truncated"),
    ],
    ids=["plain", "truncated", "damaged", "empty"],
)
def test_a_damaged_gzip_file_is_one_sentence(tmp_path, content, sentence):
    folder = write(tmp_path / "mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        load_digits(folder)


def test_missing_folders_and_files(tmp_path):
    with pytest.raises(
        DataError, match=r"There is no folder .*nowhere; it should hold train-images-idx3-ubyte\[\.gz\]"
    ):
        load_digits(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no idx files; train-images-idx3-ubyte\[\.gz\], .* belong there"):
        load_digits(tmp_path)
    write(tmp_path, parts=("train",))
    with pytest.raises(DataError, match=r"There is no t10k-images-idx3-ubyte and no t10k-labels-idx1-ubyte"):
        load_digits(tmp_path)


def test_an_empty_set_is_a_sentence(tmp_path):
    folder = write(tmp_path, parts=("test",), ending="")
    (folder / FILES["test"][0]).write_bytes(images_file(np.zeros((0, 28, 28), np.uint8)))
    (folder / FILES["test"][1]).write_bytes(labels_file(np.zeros(0, np.uint8)))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte has no images"):
        load_digits(folder)


def test_the_embedded_digits():
    read = load_digits(None)
    assert read.summary == "1,438/359 of scikit-learn's 1,797 real handwritten digits, enlarged from 8×8"
    assert (read.kind, read.source) == ("stand-in", "scikit-learn")
    for images, labels in (read.train, read.test):
        assert images.shape == (len(labels), 28, 28) and images.dtype == np.uint8
        assert not images[:, :4].any() and not images[:, :, -4:].any(), "a digit stays within the box of 20×20"
        assert set(labels.tolist()) == set(range(10))
        ink = (images > 128).mean((1, 2))
        assert ink.min() > 0.05 and ink.max() < 0.3, "strokes are neither broken nor filled up"
    assert np.bincount(read.test[1]).tolist() == pytest.approx([36] * 10, abs=1)
    assert digit_files(None) == []
    # A nought is empty in its middle, a one is not.
    nought, one = (read.train[0][read.train[1] == digit].mean(0)[12:16, 13:15].mean() for digit in (0, 1))
    assert nought < 60 < 200 < one
    assert np.array_equal(load_digits(None).test[0], read.test[0])
    assert not np.array_equal(load_digits(None, seed=1).test[0], read.test[0])


def test_downloads(tmp_path, monkeypatch):
    def refused(folder, **options):
        raise RuntimeError(
            "Error downloading train-images-idx3-ubyte.gz:\nTried https://somewhere, got:\n<urlopen error>\n"
        )

    def works(folder, **options):
        write(folder / "MNIST" / "raw", ending="")

    package = SimpleNamespace(datasets=SimpleNamespace(MNIST=refused))
    monkeypatch.setattr(source, "torchvision", lambda: package)
    with pytest.raises(
        DataError,
        match=r"^MNIST could not be downloaded \(Error downloading train-images-idx3-ubyte\.gz\); "
        r"fetch .* put them into",
    ) as caught:
        load_digits(tmp_path / "new", download=True)
    assert "\n" not in str(caught.value)
    package.datasets.MNIST = works
    assert len(load_digits(tmp_path / "new", download=True).train[1]) == 70
    package.datasets.MNIST = refused
    assert len(load_digits(tmp_path / "new", download=True).train[1]) == 70, "what is there is not fetched again"
    with pytest.raises(DataError, match="A download of digits needs a folder"):
        load_digits(None, download=True)


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_torchvision_can_be_imported_beside_any_torch():
    package = vision.torchvision()
    assert package is vision.torchvision()
    assert package.datasets.MNIST.resources[0][0] == "train-images-idx3-ubyte.gz"
    assert callable(package.models.inception_v3)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ModuleNotFoundError("No module named 'torchvision'", name="torchvision"),
            r"^This needs the package torchvision, .*: pip install torchvision\.$",
        ),
        (
            ModuleNotFoundError("No module named 'other'", name="other"),
            r"cannot be imported beside torch .* \(No module named 'other'\); install",
        ),
        (
            ImportError("libcudart.so: cannot open\nmore"),
            r"cannot be imported beside torch .* \(libcudart\.so: cannot open\); install the one",
        ),
        (
            RuntimeError("compiled with different CUDA major versions."),
            r"\(compiled with different CUDA major versions\); install the one",
        ),
    ],
)
def test_an_import_that_fails_is_a_sentence(monkeypatch, error, sentence):
    def refuse(name):
        raise error

    vision.torchvision.cache_clear()
    monkeypatch.setattr(vision, "import_module", refuse)
    with pytest.raises(MmgenError, match=sentence) as caught:
        vision.torchvision()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not (REAL / "t10k-images-idx3-ubyte.gz").exists(), reason="MMGEN_TEST_DATA names no folder with MNIST's test images"
)
def test_the_real_test_files():
    assert read_labels(REAL / "t10k-labels-idx1-ubyte.gz")[:5].tolist() == [7, 2, 1, 0, 4]
    images = read_images(REAL / "t10k-images-idx3-ubyte.gz")
    assert images.shape == (10_000, 28, 28)
    read = load_digits(REAL)
    assert (len(read.train[1]), len(read.test[1])) == (8000, 2000)
    assert (read.kind, read.summary) == ("real", "8,000/2,000 digits of the MNIST test files")
    assert (
        np.sort(np.concatenate([read.train[0], read.test[0]]).sum((1, 2))).tolist()
        == np.sort(images.sum((1, 2))).tolist()
    )
