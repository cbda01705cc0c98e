"""The construction against loops over pixels, pairing, splits, options and provenance."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mmgen
from mmgen.options import validated
from mmgen.testing import check_dataset, raises_sentence, write_idx
from mmgen_plugin_polymnist.backgrounds import EMBEDDED, SHORTER, photograph_files, read_photograph
from mmgen_plugin_polymnist.construction import furthest, interleave_classes, make_images, make_plan, scaled_side
from mmgen_plugin_polymnist.polymnist import PolyMNIST, TranslatedPolyMNIST
from mmgen_plugin_vision.digits import load_digits

REAL = Path(os.environ.get("MMGEN_TEST_DATA", "nowhere")) / "mnist"
SIDES = ("train", "val", "test")


def sides(splits: mmgen.Splits) -> list[mmgen.Table]:
    return [getattr(splits, side) for side in SIDES]


def write_digits(folder: Path, train: int, test: int) -> Path:
    """MNIST's layout: noise in which the first pixel tells the part and the next two the number of the image; all ten
    labels.
    """
    folder.mkdir(exist_ok=True)
    draw = np.random.default_rng(5)
    for part, (name, each) in enumerate((("train", train), ("t10k", test))):
        labels = draw.permutation(np.repeat(np.arange(10), each)).astype(np.uint8)
        images = draw.integers(0, 256, (len(labels), 28, 28)).astype(np.uint8)
        images[:, 0, 0], images[:, 0, 1], images[:, 0, 2] = (
            part,
            np.arange(len(labels)) // 256,
            np.arange(len(labels)) % 256,
        )
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)
    return folder


def write_photographs(folder: Path, count: int, size: tuple[int, int] = (40, 33)) -> Path:
    folder.mkdir()
    draw = np.random.default_rng(6)
    for i in reversed(range(count)):
        Image.fromarray(draw.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)).save(folder / f"{i}.png")
    (folder / "notes.txt").write_text("not a photograph")
    (folder / ".hidden.jpg").write_text("nor this")
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    return write_digits(tmp_path_factory.mktemp("mnist") / "mnist", 12, 5)


@pytest.mark.parametrize("scale", [1.0, 0.75, 0.7, 0.5])
def test_every_pixel_is_as_published(scale):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (20, 28, 28)).astype(np.uint8)
    photograph = draw.integers(0, 256, (31, 45, 3)).astype(np.uint8)
    plan, classes = make_plan(np.repeat(np.arange(10), 2), 1, 12, photograph.shape[:2], scale, np.random.default_rng(1))
    made = make_images(images, photograph, plan, scale, "testing")
    side = int(28 * scale)
    inverted = 0
    for i in range(12):
        digit = images[plan.rows[i]]
        (down, right), (top, left) = plan.offsets[i], plan.corners[i]
        for y in range(28):
            for x in range(28):
                value = 0.0
                if 0 <= y - down < side and 0 <= x - right < side:
                    at = [min(max((p + 0.5) / scale - 0.5, 0), 27) for p in (y - down, x - right)]
                    low = [int(a) for a in at]
                    high = [min(p + 1, 27) for p in low]
                    share = [a - p for a, p in zip(at, low)]
                    upper = digit[low[0], low[1]] * (1 - share[1]) + digit[low[0], high[1]] * share[1]
                    lower = digit[high[0], low[1]] * (1 - share[1]) + digit[high[0], high[1]] * share[1]
                    value = upper * (1 - share[0]) + lower * share[0]
                for c in range(3):
                    behind = int(photograph[top + y, left + x, c])
                    if abs(value - 128) > 1e-3:  # nearer than that, rounding decides
                        assert made[i, c, y, x] == (255 - behind if value > 128 else behind)
                inverted += value > 128
    assert 0.2 < inverted / (12 * side * side) < 0.6
    assert classes.tolist() == [*range(10), 0, 1]


def test_scaling_is_that_of_the_published_generator():
    """The released generator calls torch's bilinear interpolation with a scale factor."""
    from mmgen_plugin_polymnist.construction import scale_down

    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28)).astype(np.uint8)
    for scale, side in ((0.75, 21), (0.7, 19), (0.5, 14), (0.9, 25)):
        theirs = torch.nn.functional.interpolate(
            torch.from_numpy(images)[:, None].float(), scale_factor=scale, mode="bilinear"
        )
        ours = scale_down(images, scale)
        assert ours.shape == (7, side, side) and scaled_side(scale) == side
        assert np.allclose(ours, theirs[:, 0].numpy(), atol=1e-3)


@pytest.mark.parametrize(("scale", "count"), [(0.75, 7), (0.70, 8), (1.0, 1), (0.5, 14)])
def test_offsets_and_corners_cover_their_range(scale, count):
    plan, _ = make_plan(np.repeat(np.arange(10), 50), 2, None, (30, 28), scale, np.random.default_rng(0))
    assert furthest(scale) == count
    assert set(plan.offsets[:, 0].tolist()) == set(plan.offsets[:, 1].tolist()) == set(range(count))
    assert set(plan.corners[:, 0].tolist()) == {0, 1, 2}
    assert set(plan.corners[:, 1].tolist()) == {0}
    assert count - 1 + scaled_side(scale) <= 28


def test_each_digit_is_used_as_often_as_it_should():
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(10), [3, 5, 4, 6, 1, 2, 7, 3, 3, 2]))
    plan, classes = make_plan(labels, 3, None, (40, 40), 1.0, np.random.default_rng(0))
    assert np.bincount(plan.rows).tolist() == [3] * len(labels)
    assert np.array_equal(classes, labels[plan.rows])
    for digit in range(10):  # permutation after permutation, not one long shuffle
        of = plan.rows[classes == digit].reshape(3, -1)
        assert all(len(set(part)) == len(part) for part in of.tolist())


def test_classes_take_turns():
    labels = np.array([2, 2, 0, 1, 0, 2])
    assert interleave_classes(labels).tolist() == [2, 3, 0, 4, 1, 5]
    assert interleave_classes(labels[:0]).tolist() == []


def test_tuples_show_one_digit_by_different_writers(digits, tmp_path):
    folder = write_photographs(tmp_path / "photographs", 3)
    splits = PolyMNIST(PolyMNIST.Config(digits=digits, backgrounds=folder, modalities=3)).splits()
    source = load_digits(digits)
    assert [len(table) for table in sides(splits)] == [108, 12, 50]
    photographs = [read_photograph(folder / f"{m}.png") for m in range(3)]
    used: dict[str, list[set[int]]] = {}
    for side, table in zip(SIDES, sides(splits)):
        images, labels = source.test if side == "test" else source.train
        inks = {np.packbits(image > 128).tobytes(): i for i, image in enumerate(images)}
        found = np.stack([unmask(table.data[f"m{m}"].numpy(), photographs[m], inks) for m in range(3)])
        assert np.array_equal(labels[found], np.broadcast_to(table.labels["digit"].numpy(), found.shape)), (
            "all modalities show the label"
        )
        assert all(len(set(row)) == len(row) for row in found.tolist()), "once per modality"
        assert side == "val" or (found[0] != found[1]).mean() > 0.5, "by another writer"
        used[side] = [set(row) for row in found.tolist()]
    assert not set.union(*used["train"]) & set.union(*used["val"]), (
        "a validation digit is in no training image of any modality"
    )
    assert used["train"][0] == used["train"][1] == used["train"][2]


def unmask(images: np.ndarray, photograph: np.ndarray, inks: dict[bytes, int]) -> np.ndarray:
    """Which digit each image shows: by trying every crop."""
    found = []
    for image in images:
        for top in range(photograph.shape[0] - 27):
            for left in range(photograph.shape[1] - 27):
                crop = np.moveaxis(photograph[top : top + 28, left : left + 28], -1, 0)
                number = inks.get(np.packbits((image != crop).all(0)).tobytes())
                if number is not None:
                    found.append(number)
    assert len(found) == len(images)
    return np.array(found)


def test_repeated_digits_stay_on_one_side(digits, tmp_path):
    folder = write_photographs(tmp_path / "photographs", 2)
    splits = PolyMNIST(PolyMNIST.Config(digits=digits, backgrounds=folder, modalities=2, repeats=3)).splits()
    assert [len(table) for table in sides(splits)] == [324, 36, 150]
    assert splits.facts["repeats"] == 3 and splits.facts["digits"] == {"train": 108, "val": 12, "test": 50}
    source = load_digits(digits).train[0]
    inks = {np.packbits(image > 128).tobytes(): i for i, image in enumerate(source)}
    train, val = (
        set(unmask(table.data["m0"].numpy(), read_photograph(folder / "0.png"), inks).tolist())
        for table in sides(splits)[:2]
    )
    assert (len(train), len(val), len(train & val)) == (108, 12, 0)
    rows = torch.cat([table.rows for table in sides(splits)])
    assert rows.tolist() == list(range(510))


def test_the_same_seed_gives_the_same_bytes_and_modalities_do_not_depend_on_each_other():
    options = {"repeats": 1, "max_tuples": 30}
    first, again, fewer, other = (
        PolyMNIST(PolyMNIST.Config(**options, **more)).splits().train
        for more in ({"modalities": 3}, {"modalities": 3}, {"modalities": 1}, {"modalities": 3, "seed": 1})
    )
    for name in first.data:
        assert torch.equal(first.data[name], again.data[name])
        assert not torch.equal(first.data[name], other.data[name])
    assert torch.equal(first.data["m0"], fewer.data["m0"])
    assert not torch.equal(first.data["m0"], first.data["m1"])


@pytest.mark.parametrize("kind", [PolyMNIST, TranslatedPolyMNIST])
@pytest.mark.parametrize("count", [1, 10])
def test_any_number_of_modalities(kind, count):
    dataset = kind(kind.Config(modalities=count, repeats=1, max_tuples=20))
    splits = dataset.splits()
    assert list(dataset.modalities()) == list(splits.test.data) == [f"m{m}" for m in range(count)]
    assert [len(table) for table in sides(splits)] == [20, 20, 20]
    assert splits.test.labels["digit"].tolist() == [*range(10), *range(10)]
    assert len({values.numpy().tobytes() for values in splits.test.data.values()}) == count
    assert len(dataset.sources()) == count


def test_the_scale_is_as_published():
    scales = {count: TranslatedPolyMNIST.Config(modalities=count).digit_scale for count in (1, 3, 5)}
    assert scales == {1: 0.70, 3: 0.75, 5: 0.70}
    assert TranslatedPolyMNIST.Config(scale=0.5).digit_scale == 0.5
    options = {"modalities": 1, "repeats": 1, "max_tuples": 60}
    whole = PolyMNIST(PolyMNIST.Config(**options)).splits()
    unmoved = TranslatedPolyMNIST(TranslatedPolyMNIST.Config(scale=1, **options)).splits()
    small = TranslatedPolyMNIST(TranslatedPolyMNIST.Config(scale=0.5, **options)).splits()
    assert torch.equal(whole.train.data["m0"], unmoved.train.data["m0"])
    assert not torch.equal(whole.train.data["m0"], small.train.data["m0"])
    assert "(scale 0.5)" in small.provenance.summary and "scale" not in whole.provenance.summary


def test_modalities_are_those_of_the_papers():
    for modality in PolyMNIST().modalities().values():
        assert (modality.network, modality.bottleneck, modality.likelihood.name, modality.likelihood.scale) == (
            "conv",
            True,
            "laplace",
            0.75,
        )
        assert (modality.shape, modality.weight) == ((3, 28, 28), 1.0)
    for modality in TranslatedPolyMNIST().modalities().values():
        assert (modality.network, modality.channels, modality.likelihood.name, modality.likelihood.scale) == (
            "resnet",
            None,
            "laplace",
            0.75,
        )
    assert (len(PolyMNIST().modalities()), len(TranslatedPolyMNIST().modalities())) == (5, 3)


@pytest.mark.parametrize("kind", [PolyMNIST, TranslatedPolyMNIST])
def test_toys_hold_the_contract(kind):
    check_dataset(kind.toy())
    splits = kind.toy().splits()
    assert [set(table.labels["digit"].tolist()) for table in sides(splits)] == [set(range(10))] * 3
    assert splits.labels == {"digit": tuple("0123456789")}


def test_what_it_is_made_from_is_said(digits, tmp_path):
    embedded = PolyMNIST.toy().splits().provenance
    assert embedded.kind == "stand-in"
    assert embedded.summary == (
        "PolyMNIST made by the published construction from 1,438/359 of scikit-learn's 1,797 real handwritten "
        "digits, enlarged from 8×8, on photographs that scikit-image and scikit-learn ship"
    )
    own = write_photographs(tmp_path / "mine", 3)
    made = TranslatedPolyMNIST(TranslatedPolyMNIST.Config(digits=digits, backgrounds=own, repeats=2)).splits()
    assert made.provenance.kind == "stand-in" and made.provenance.source == str(digits)
    assert made.provenance.summary == (
        "Translated-PolyMNIST (scale 0.75) made by the published construction from 120/50 MNIST digits, each used 2 "
        f"times, on photographs of {own}"
    )
    assert made.facts["photographs"] == ["0.png", "1.png", "2.png"]


def test_the_embedded_photographs():
    files = photograph_files(None, 10)
    assert [file.name for file in files] == [Path(name).name for _, name in EMBEDDED]
    photographs = [read_photograph(file, SHORTER) for file in files]
    assert all(min(p.shape[:2]) == SHORTER and p.shape[2] == 3 and p.dtype == np.uint8 for p in photographs)
    contrast = [np.abs(255.0 - 2 * p).mean() for p in photographs]
    assert min(contrast[:5]) > 100, "inverted colours show on the first five"
    assert all(np.ptp(p.astype(int).mean(-1)) > 100 for p in photographs)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda folder: (folder / "1.png").unlink(),
            r"photographs holds 1 photographs \(jpg or png\), and 2 modalities need one each; add some",
        ),
        (
            lambda folder: (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:900]),
            r"1\.png cannot be read as a photograph; it is",
        ),
        (lambda folder: (folder / "0.png").write_text("no image"), r"0\.png cannot be read as a photograph"),
        (
            lambda folder: Image.new("RGB", (60, 27)).save(folder / "1.png"),
            r"1\.png has 60×27 pixels; a background needs at least 28×28\.$",
        ),
    ],
)
def test_defects_of_photographs_are_one_sentence(digits, tmp_path, spoil, sentence):
    folder = write_photographs(tmp_path / "photographs", 2)
    spoil(folder)
    with raises_sentence(sentence, mmgen.DataError):
        PolyMNIST(PolyMNIST.Config(digits=digits, backgrounds=folder, modalities=2)).splits()


def test_missing_folders_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(mmgen.DataError, match=r"dataset\.backgrounds: there is no folder .*nowhere"):
        PolyMNIST(PolyMNIST.Config(backgrounds=tmp_path / "nowhere")).splits()
    with pytest.raises(mmgen.DataError, match=r"There is no folder .*nowhere; it should hold train-images-idx3-ubyte"):
        PolyMNIST(PolyMNIST.Config(digits=tmp_path / "nowhere")).splits()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        mmgen.DataError, match=r"flower\.jpg of scikit-learn is not installed; .* set dataset\.backgrounds=FOLDER"
    ):
        PolyMNIST(PolyMNIST.Config()).sources()


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (PolyMNIST, {"modalities": 11}, "less than or equal to 10"),
        (
            PolyMNIST,
            {"root": "a", "digits": "b"},
            "root holds finished images, and digits is for making them; set one of the two",
        ),
        (PolyMNIST, {"root": "a", "backgrounds": "b"}, "and backgrounds is for making them"),
        (PolyMNIST, {"root": "a", "repeats": 2}, "and repeats is for making them"),
        (PolyMNIST, {"download": True}, r"set root \(PolyMNIST\) or digits \(MNIST\)"),
        (
            TranslatedPolyMNIST,
            {"download": True, "root": "a"},
            "no archive of translated images to download; set digits instead",
        ),
        (TranslatedPolyMNIST, {"scale": 1.5}, "less than or equal to 1"),
    ],
)
def test_options_that_do_not_go_together(kind, options, sentence):
    with pytest.raises(mmgen.MmgenError, match=sentence):
        validated(kind.Config, options, "dataset")


@pytest.mark.skipif(
    not (REAL / "t10k-images-idx3-ubyte.gz").exists(), reason="MMGEN_TEST_DATA names no folder with MNIST's test images"
)
def test_the_real_test_files():
    splits = PolyMNIST(PolyMNIST.Config(digits=REAL, modalities=2)).splits()
    assert [len(table) for table in sides(splits)] == [7200, 800, 2000]
    assert splits.provenance.summary == (
        "PolyMNIST made by the published construction from 8,000/2,000 digits of the MNIST test files, on "
        "photographs that scikit-image and scikit-learn ship"
    )
