"""Two-view MNIST in both published layouts, written small and read back; pickles that want more than arrays; and every
defect.
"""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.io import loadmat, savemat

from mmgen import DataError, Splits, Table
from mmgen.testing import edit_matlab, exchange_files, raises_sentence
from mmgen_plugin_two_view_mnist.official import find_official
from mmgen_plugin_two_view_mnist.reading import KEYS
from mmgen_plugin_two_view_mnist.two_view_mnist import TwoViewMnist, TwoViewMnistConfig
from mmgen_plugin_two_view_mnist.unpickling import read_arrays
from mmgen_plugin_two_view_mnist.views import make_views
from mmgen_plugin_vision.digits import load_digits

SIZES = {"train": 80, "val": 30, "test": 40}


class Python2Pickler(pickle._Pickler):
    """Protocol 2 as Python 2 wrote it: the bytes of an array are a str, and numpy's modules have their old names."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str_of_bytes(self, value):
        self.write(b"T" + struct.pack("<I", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_str_of_bytes


def python2(value, path: Path) -> None:
    with path.with_suffix(".plain").open("wb") as file:
        Python2Pickler(file, 2).dump(value)
    content = path.with_suffix(".plain").read_bytes().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    path.write_bytes(gzip.compress(content, 1))


@pytest.fixture(scope="module")
def views() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """float32 pictures ``[n, 28, 28]`` in [0, 1] and digits, all ten on each side."""
    digits = load_digits(None)
    images, codes = digits.train
    draw, made, start = np.random.default_rng(3), {}, 0
    for side, size in SIZES.items():
        rows = np.concatenate([np.flatnonzero(codes == digit)[start : start + size // 10] for digit in range(10)])
        start += size // 10
        pair = make_views(images, codes, draw.permutation(rows), 1, draw)
        noise = draw.random(pair.noisy.shape, dtype=np.float32) / 512  # so that no value is a whole grey level
        made[side] = (pair.rotated.astype(np.float32) / 255, (pair.noisy / 256 + noise).astype(np.float32), pair.digits)
    return made


def flat(images: np.ndarray, order: str) -> np.ndarray:
    return (images.swapaxes(1, 2) if order == "columns" else images).reshape(len(images), 784)


def write_matlab(folder: Path, views, order: str) -> Path:
    content = {}
    for side, (one, two, label) in KEYS.items():
        rotated, noisy, digits = views[side]
        content |= {
            one: flat(rotated, order),
            two: flat(noisy, order),
            label: np.where(digits == 0, 10, digits)[:, None].astype(np.uint8),
        }
    savemat(folder / "MNIST.mat", content)
    return folder / "MNIST.mat"


def write_pickles(folder: Path, views, order: str) -> list[Path]:
    """The first as Python 2 did, the second by a newer protocol."""
    content = [[(flat(part[view], order), part[2]) for part in views.values()] for view in (0, 1)]
    paths = [folder / f"noisymnist_view{view}.gz" for view in (1, 2)]
    python2(tuple(content[0]), paths[0])
    paths[1].write_bytes(gzip.compress(pickle.dumps(content[1], 4), 1))
    return paths


def splits(**options) -> Splits:
    return TwoViewMnist(TwoViewMnistConfig(**options)).splits()


def same(table: Table, part) -> None:
    for view, name in enumerate(("rotated", "noisy")):
        assert table.data[name].dtype == torch.float32 and table.data[name].shape[1:] == (1, 28, 28)
        assert np.array_equal(table.data[name][:, 0].numpy(), part[view])
    assert np.array_equal(table.labels["digit"].numpy(), part[2])
    assert set(part[2].tolist()) == set(range(10))


@pytest.mark.parametrize("order", ["columns", "rows"])
@pytest.mark.parametrize("write", [write_matlab, write_pickles])
def test_official_files_come_back_as_they_were(tmp_path, views, write, order):
    write(tmp_path, views, order)
    made = splits(root=tmp_path)
    for side in SIZES:
        same(getattr(made, side), views[side])
    assert made.facts == {"pixel_order": order}
    assert made.provenance.kind == "real" and made.provenance.summary.startswith("80/30/40 pairs of ")
    assert made.labels["digit"] == tuple("0123456789")
    groups = [set(getattr(made, side).groups.tolist()) for side in SIZES]
    assert [len(group) for group in groups] == [80, 30, 40] and len(set.union(*groups)) == 150
    assert TwoViewMnist(TwoViewMnistConfig(root=tmp_path)).sources() == find_official(tmp_path)


def test_the_order_of_pixels_can_be_said(tmp_path, views):
    write_matlab(tmp_path, views, "columns")
    same(splits(root=tmp_path, pixel_order="columns").test, views["test"])
    lying = splits(root=tmp_path, pixel_order="rows").test.data["rotated"][:, 0].numpy()
    assert np.array_equal(lying, views["test"][0].swapaxes(1, 2))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", "|u1", "<u2"])
def test_arrays_of_every_protocol(tmp_path, protocol, dtype):
    path = tmp_path / "arrays.gz"
    values = np.arange(24).reshape(4, 6).astype(dtype)
    path.write_bytes(gzip.compress(pickle.dumps([(values, np.asfortranarray(values), [1, 2.5, "text"])], protocol)))
    ((first, second, rest),) = read_arrays(path)
    assert first.dtype.newbyteorder("=") == second.dtype.newbyteorder("=") == np.dtype(dtype).newbyteorder("=")
    assert rest == [1, 2.5, "text"]
    assert np.array_equal(first, values) and np.array_equal(second, values)


class Runs:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, path: Path, how: str) -> None:
        self.path, self.how = path, how

    def __reduce__(self):
        if self.how == "system":
            import os

            return os.system, (f"touch {self.path}",)
        if self.how == "eval":
            return eval, (f"open({str(self.path)!r}, 'w').close()",)
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("how", "named"),
    [("system", r"posix\.system"), ("eval", r"(builtins|__builtin__)\.eval"), ("touch", r"(getattr|pathlib\S*)")],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_runs(tmp_path, how, named, protocol):
    path, mark = tmp_path / "noisymnist_view1.gz", tmp_path / "ran"
    path.write_bytes(gzip.compress(pickle.dumps((np.zeros(3), Runs(mark, how)), protocol)))
    with raises_sentence(
        rf"noisymnist_view1.gz asks for .*{named}, which is no array of numbers; it was not loaded", DataError
    ):
        read_arrays(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (np.array([None, 1], dtype=object), r"arrays of type 'O8'"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "O")]), r"arrays of type 'V\d+'"),
        (np.array(["a"]), r"arrays of type 'U1'"),
        (np.float64(1), r"numpy\._?core\.multiarray\.scalar"),
        (np.zeros(3).view(np.matrix), r"numpy.*matrix"),
        (slice(1), r"(builtins|__builtin__)\.slice"),
    ],
)
def test_only_arrays_of_numbers(tmp_path, value, named):
    path = tmp_path / "arrays.gz"
    path.write_bytes(gzip.compress(pickle.dumps(value, 4)))
    with pytest.raises(DataError, match=rf"asks for {named}, which is no array of numbers"):
        read_arrays(path)


def test_arrays_cannot_be_called_in_other_ways(tmp_path):
    path = tmp_path / "arrays.gz"
    reconstruct = b"cnumpy._core.multiarray\n_reconstruct\n"
    for content, named in [
        (reconstruct + b"(cnumpy\ndtype\n(I0\ntS'b'\ntR.", "an array of"),
        (b"c_codecs\nencode\n(S'abc'\nS'rot13'\ntR.", "a text in the encoding 'rot13'"),
        (b"cnumpy\ndtype\n(S'f4,O'\ntR.", "arrays of type 'f4,O'"),
        (b"cnumpy._core.numeric\n_frombuffer\n(S'abcd'\nS'f4'\n(I1\nttR.", "an array of something else than bytes"),
    ]:
        path.write_bytes(gzip.compress(content))
        with pytest.raises(DataError, match=f"asks for {named}"):
            read_arrays(path)
    path.write_bytes(gzip.compress(b"cnumpy\nndarray\n((I9\ntS'O'\ntR."))
    with pytest.raises(DataError, match=r"arrays.gz is truncated, damaged, or no gzipped pickle file"):
        read_arrays(path)


def content_of(path: Path, key: str) -> np.ndarray:
    return loadmat(path)[key]


MATLAB_DEFECTS = {
    "truncated": (
        lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
        r"MNIST.mat is truncated, damaged, or no MATLAB file",
    ),
    "empty": (lambda p: p.write_bytes(b""), r"MNIST.mat is truncated, damaged"),
    "text": (lambda p: p.write_bytes(b"MATLAB 5.0 MAT-file, but not really" * 9), r"MNIST.mat is truncated, damaged"),
    "version 7.3": (
        lambda p: p.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x00" * 400),
        r"MNIST.mat is a MATLAB file of version 7.3",
    ),
    "no array": (
        lambda p: edit_matlab(p, XV2=None, tuneLabel=None),
        r"MNIST.mat has no array XV2 and no tuneLabel; two-view MNIST has X1, X2",
    ),
    "one row less": (
        lambda p: edit_matlab(p, XTe2=content_of(p, "XTe2")[:-1]),
        r"There are 39 rows in XTe2 of .*MNIST.mat, and 40 in testLabel there",
    ),
    "labels": (
        lambda p: edit_matlab(p, trainLabel=content_of(p, "trainLabel") % 10),
        r"trainLabel in .*MNIST.mat: there is 0; labels are 1 to 10",
    ),
    "other pictures": (
        lambda p: edit_matlab(p, X1=content_of(p, "X1")[:, :700]),
        r"X1 in .*MNIST.mat has shape \[80, 700\] and type float32",
    ),
    "bytes": (
        lambda p: edit_matlab(p, X2=content_of(p, "X2") * 255),
        r"X2 in .*MNIST.mat has values from .* to 25\d.*; they should be from 0 to 1",
    ),
    "not a number": (
        lambda p: edit_matlab(p, X1=content_of(p, "X1") * np.nan),
        r"X1 in .*MNIST.mat has values from nan to nan",
    ),
    "swapped": (
        lambda p: edit_matlab(p, X1=content_of(p, "X2"), X2=content_of(p, "X1")),
        r"X1 in .*MNIST.mat and X2 in .*MNIST.mat seem to be swapped: noise at the border",
    ),
    "twice the view": (
        lambda p: edit_matlab(p, XV2=content_of(p, "XV1")),
        r"XV2 in .*MNIST.mat holds the same images as XV1 in .*MNIST.mat",
    ),
    "twice the part": (
        lambda p: edit_matlab(
            p, XTe1=content_of(p, "XV1"), XTe2=content_of(p, "XV2"), testLabel=content_of(p, "tuneLabel")
        ),
        r"The test part of .*MNIST.mat holds the same images as its val part",
    ),
    "folder": (
        lambda p: (p.unlink(), p.mkdir()),
        r"dataset.root: .* has neither MNIST.mat nor noisymnist_view1.gz and noisymnist_view2.gz",
    ),
}


def one_sentence(root: Path, sentence: str) -> None:
    with raises_sentence(sentence, DataError, naming=root):
        splits(root=root)


@pytest.mark.parametrize("name", MATLAB_DEFECTS)
def test_every_defect_of_the_matlab_file_is_one_sentence(tmp_path, views, name):
    spoil, sentence = MATLAB_DEFECTS[name]
    spoil(write_matlab(tmp_path, views, "columns"))
    one_sentence(tmp_path, sentence)


def edit(path: Path, function) -> None:
    content = [list(pair) for pair in read_arrays(path)]
    path.write_bytes(gzip.compress(pickle.dumps(function(content), 4), 1))


def turned_labels(content):
    content[1][1] = np.roll(content[1][1], 1)
    return content


def shorter(content):
    content[2] = [part[:-1] for part in content[2]]
    return content


def half_a_pair(content):
    content[0][1] = content[0][1][:-3]
    return content


def wild_label(content):
    content[0][1] = content[0][1] + 7
    return content


PICKLE_DEFECTS = {
    "missing": (
        lambda a, b: b.unlink(),
        r"There is no noisymnist_view2.gz in .*; each of noisymnist_view1.gz and noisymnist_view2.gz holds one",
    ),
    "truncated": (
        lambda a, b: a.write_bytes(a.read_bytes()[:-2000]),
        r"noisymnist_view1.gz is truncated or damaged: the gzip stream does not come to its end",
    ),
    "not gzipped": (
        lambda a, b: a.write_bytes(gzip.decompress(a.read_bytes())),
        r"noisymnist_view1.gz is not a gzip file",
    ),
    "half a pickle": (
        lambda a, b: b.write_bytes(gzip.compress(gzip.decompress(b.read_bytes())[:5000])),
        r"noisymnist_view2.gz is truncated",
    ),
    "no pairs": (
        lambda a, b: edit(a, lambda c: c[:2]),
        r"noisymnist_view1.gz should hold three pairs of images and labels",
    ),
    "a number": (
        lambda a, b: b.write_bytes(gzip.compress(pickle.dumps(3))),
        r"noisymnist_view2.gz should hold three pairs",
    ),
    "swapped": (
        exchange_files,
        r"noisymnist_view1.gz and .*noisymnist_view2.gz seem to be swapped: noise at the border",
    ),
    "duplicated": (
        lambda a, b: b.write_bytes(a.read_bytes()),
        r"noisymnist_view2.gz holds the same images as .*noisymnist_view1.gz",
    ),
    "mis-paired": (
        lambda a, b: edit(b, turned_labels),
        r"Row \d+ of the val part is a \d in .*view1.gz and a \d in .*view2.gz; both hold the same",
    ),
    "shorter": (
        lambda a, b: edit(b, shorter),
        r"There are 40 rows in the test part of .*view1.gz, and 39 in that of .*view2.gz",
    ),
    "labels lost": (
        lambda a, b: edit(a, half_a_pair),
        r"There are 80 rows in the images of the train part of .*view1.gz, and 77 in the labels of the same",
    ),
    "wrong labels": (
        lambda a, b: edit(a, wild_label),
        r"The labels in the train part of .*view1.gz: there is 1\d; labels are 0 to 9",
    ),
}


@pytest.mark.parametrize("name", PICKLE_DEFECTS)
def test_every_defect_of_the_pickle_files_is_one_sentence(tmp_path, views, name):
    spoil, sentence = PICKLE_DEFECTS[name]
    spoil(*write_pickles(tmp_path, views, "rows"))
    one_sentence(tmp_path, sentence)


def test_labels_of_pickles_may_be_those_of_matlab(tmp_path, views):
    for path in write_pickles(tmp_path, views, "rows"):
        edit(path, lambda content: [[images, np.where(codes == 0, 10, codes)] for images, codes in content])
    same(splits(root=tmp_path).train, views["train"])


def test_options_that_exclude_each_other(tmp_path):
    with pytest.raises(
        ValidationError, match="root names made views and digits what views are made from; set one of the two"
    ):
        TwoViewMnistConfig(root=tmp_path, digits=tmp_path)
    with pytest.raises(ValidationError, match="download fetches plain MNIST into a folder; set digits"):
        TwoViewMnistConfig(download=True)
