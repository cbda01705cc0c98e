"""The three datasets: how views are made and tuples joined, official files read back, stand-ins, and what a user can
get wrong.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.io import loadmat, savemat
from scipy.ndimage import rotate

import mmgen
from mmgen import DataError, Indexed, Splits
from mmgen.runs.config import read_recipe
from mmgen.testing import check_dataset, edit_array, exchange_files, raises_sentence, write_idx
from mmgen_plugin_two_view_mnist.config import MnistSvhnConfig, ThreeViewMnistConfig, TuplesConfig, TwoViewMnistConfig
from mmgen_plugin_two_view_mnist.mnist_svhn import MnistSvhn
from mmgen_plugin_two_view_mnist.reading import KEYS
from mmgen_plugin_two_view_mnist.three_view_mnist import ThreeViewMnist
from mmgen_plugin_two_view_mnist.tuples import draw_tuples, make_pools
from mmgen_plugin_two_view_mnist.two_view_mnist import TwoViewMnist
from mmgen_plugin_two_view_mnist.views import make_views, noisy_images, partners, rotated_images
from mmgen_plugin_vision.digits import load_digits

SIDES = ("train", "val", "test")
SIZES = {"mnist": {"train": 200, "test": 60}, "svhn": {"train": 150, "test": 70}}
SMALL = {"rendered": (80, 40), "train_tuples": 200, "test_tuples": 50}


@pytest.fixture(scope="module")
def digits():
    return load_digits(None)


def test_rotation_is_that_of_scipy(digits):
    images = digits.train[0][:6]
    angles = np.radians([0, 10, 45, -45, -30, 3.0])
    turned = rotated_images(images, angles)
    for image, angle, ours in zip(images, angles, turned):
        theirs = rotate(image.astype(float), -math.degrees(angle), reshape=False, order=1)
        alike = rotate(image.astype(float), math.degrees(angle), reshape=False, order=1)
        assert min(np.abs(ours - theirs).max(), np.abs(ours - alike).max()) < 1.01  # whichever way round it is called
    assert np.array_equal(turned[0], images[0])


def test_noise_is_uniform_and_cut_at_one(digits):
    black, white = np.zeros((40, 28, 28), np.uint8), np.full((3, 28, 28), 255, np.uint8)
    draw = np.random.default_rng(0)
    noise = noisy_images(black, draw) / 255
    assert noise.mean() == pytest.approx(0.5, abs=0.01) and noise.std() == pytest.approx(math.sqrt(1 / 12), abs=0.005)
    assert (noisy_images(white, draw) == 255).all()
    assert (noisy_images(digits.train[0][:9], draw) >= digits.train[0][:9]).all()


def test_partners_are_of_the_same_digit():
    codes = np.repeat(np.arange(10), 200)
    chosen = partners(codes, np.random.default_rng(0))
    assert np.array_equal(codes[chosen], codes)
    assert (chosen == np.arange(2000)).mean() < 0.02
    assert len(np.unique(chosen)) == pytest.approx(2000 * (1 - math.exp(-1)), abs=60)  # with replacement


def test_views_are_of_one_digit_and_of_one_side(digits):
    images, codes = digits.train
    rows = np.arange(0, 600, 3)
    views = make_views(images, codes, rows, 3, np.random.default_rng(1))
    assert np.array_equal(views.origin, np.tile(rows, 3)) and np.array_equal(views.digits, codes[views.origin])
    assert not np.array_equal(views.rotated[:200], views.rotated[200:400])  # another angle in each repetition
    known = images[rows].astype(int)
    for view, digit in zip(views.noisy[::40], views.digits[::40]):
        gap = view.astype(int) - known
        possible = ((gap >= 0) | (view == 255)).all((1, 2))  # the images that this one could be, with noise added
        assert possible.any() and (codes[rows][possible] == digit).any()


def test_two_views_from_idx_files(tmp_path, digits):
    write_digits(tmp_path, "train", digits.train)
    write_digits(tmp_path, "test", digits.test)
    made = TwoViewMnist(TwoViewMnistConfig(digits=tmp_path, seed=2, repeats=2)).splits()
    assert made.provenance.kind == "real" and "made with seed 2" in made.provenance.summary
    assert len(made.train) == pytest.approx(2 * 5 / 6 * 1438, abs=12)
    assert len(made.val) == pytest.approx(1438 / 6, abs=6) and len(made.test) == 359
    assert made.test.labels["digit"].tolist() == digits.test[1].tolist()
    assert made.train.data["rotated"].dtype == torch.uint8
    groups = [set(getattr(made, side).groups.tolist()) for side in SIDES]
    assert sum(map(len, groups)) == 1797 == len(set.union(*groups))
    assert sorted(TwoViewMnist(TwoViewMnistConfig(digits=tmp_path)).sources()) == sorted(tmp_path.iterdir())
    other = TwoViewMnist(TwoViewMnistConfig(digits=tmp_path, seed=3, repeats=2)).splits()
    assert not torch.equal(made.test.data["rotated"], other.test.data["rotated"])


@pytest.mark.parametrize("kind", [TwoViewMnist, MnistSvhn, ThreeViewMnist])
def test_the_toys_keep_the_contracts(kind):
    toy = kind.toy()
    assert toy.sources() == []
    check_dataset(toy)
    made = toy.splits()
    assert made.provenance.kind == "stand-in" and "scikit-learn's 1,797" in made.provenance.summary
    for side in ("train", "test"):
        assert set(getattr(made, side).labels["digit"].tolist()) == set(range(10))


def test_the_modalities_are_those_of_the_papers():
    two, halves, three = (kind().modalities() for kind in (TwoViewMnist, MnistSvhn, ThreeViewMnist))
    assert (list(two), list(halves), list(three)) == (
        ["rotated", "noisy"],
        ["mnist", "svhn"],
        ["original", "rotated", "svhn"],
    )
    assert [m.likelihood.name for m in (*two.values(), *halves.values())] == ["bernoulli", "normal"] * 2
    assert {m.likelihood.name for m in three.values()} == {"bernoulli"}
    assert two["noisy"].likelihood.scale_kind == halves["svhn"].likelihood.scale_kind == "predicted"
    for modality in (two["rotated"], two["noisy"], three["original"], three["rotated"]):
        assert (modality.hidden, modality.activation, modality.dropout) == ((1024, 1024, 1024), "softplus", 0.2)
    assert halves["mnist"].hidden == halves["svhn"].hidden == (400,) and three["svhn"].network == "conv4"


def test_tuples_by_the_book():
    draw = np.random.default_rng(0)
    halves = [draw.integers(-1, 10, size=size) for size in (200, 300, 250)]
    every = draw_tuples(halves, 10**6, 4, np.random.default_rng(1))
    fewest = [min(int((half == digit).sum()) for half in halves) for digit in range(10)]
    assert len(every[0]) == 4 * sum(fewest)
    codes = halves[0][every[0]]
    assert np.array_equal(np.bincount(codes), 4 * np.array(fewest))
    for half, index in zip(halves, every):
        assert np.array_equal(half[index], codes) and np.bincount(index).max() <= 4
    some = draw_tuples(halves, 100, 4, np.random.default_rng(1))
    assert [len(index) for index in some] == [100] * 3
    assert set(zip(*map(np.ndarray.tolist, some))) <= set(zip(*map(np.ndarray.tolist, every)))


def test_validation_images_are_held_out(digits):
    pools = make_pools(digits.train, digits.test, 0.2, 5)
    train, val = pools["train"].digits, pools["val"].digits
    assert ((train < 0) != (val < 0)).all()
    assert np.array_equal(np.maximum(train, val), digits.train[1])
    assert np.bincount(val[val >= 0]) == pytest.approx(0.2 * np.bincount(digits.train[1]), abs=1)


def disjoint(made: Splits, names: list[str]) -> None:
    for name in names:
        sides = [{image.numpy().tobytes() for image in getattr(made, side).data[name][:]} for side in SIDES]
        assert all(sides) and not sides[0] & sides[1] and not (sides[0] | sides[1]) & sides[2], name


def test_no_image_is_on_two_sides_of_the_tuples():
    disjoint(MnistSvhn(MnistSvhnConfig(**SMALL)).splits(), ["mnist", "svhn"])
    made = ThreeViewMnist(ThreeViewMnistConfig(**SMALL)).splits()
    disjoint(made, ["original", "rotated", "svhn"])
    assert isinstance(made.train.data["svhn"], Indexed)
    assert [len(getattr(made, side)) for side in SIDES] == [200, 20, 50]


def write_digits(folder: Path, part: str, pair) -> None:
    images, codes = pair
    short = {"train": "train", "test": "t10k"}[part]
    write_idx(folder / f"{short}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"{short}-labels-idx1-ubyte", codes)


@pytest.fixture(scope="module")
def content():
    """Images of noise, all of them different, with all ten digits."""
    draw = np.random.default_rng(2)
    shapes = {"mnist": (28, 28), "svhn": (3, 32, 32)}
    return {
        half: {
            part: (
                draw.integers(256, size=(size, *shapes[half]), dtype=np.uint8),
                draw.permutation(np.arange(size) % 10),
            )
            for part, size in parts.items()
        }
        for half, parts in SIZES.items()
    }


@pytest.fixture
def released(tmp_path, content) -> Path:
    """The folder of the released code: five tuples of every digit."""
    (tmp_path / "mnist_shvn").mkdir()
    for part, short in (("train", "tr"), ("test", "te")):
        images, codes = content["mnist"][part]
        np.save(tmp_path / f"mnist_{short}.npy", images.reshape(-1, 784) / np.float32(255))
        np.save(tmp_path / f"mnist_y_{short}.npy", codes)
        for half in ("mnist", "svhn"):
            digits = content[half][part][1]
            index = np.concatenate([np.flatnonzero(digits == digit)[[2, 0, 1, 0, 3]] for digit in range(9, -1, -1)])
            np.save(tmp_path / f"{half}_idx_{short}.npy", index)
        images, codes = content["svhn"][part]
        labels = np.where(codes == 0, 10, codes).astype(np.uint8)[:, None]
        savemat(tmp_path / "mnist_shvn" / f"{part}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": labels})
    return tmp_path


def halves(root: Path, **options) -> Splits:
    return MnistSvhn(MnistSvhnConfig(root=root, **options)).splits()


def test_the_released_folder_comes_back_as_it_was(released, content):
    made = halves(released, val_fraction=0)
    assert made.provenance.kind == "real" and made.facts == {"pairing": "index files"}
    for part, short in (("train", "tr"), ("test", "te")):
        table = getattr(made, part)
        for half in ("mnist", "svhn"):
            index = np.load(released / f"{half}_idx_{short}.npy")
            expected = content[half][part][0][index].reshape(len(index), -1, *content[half][part][0].shape[-2:])
            assert np.array_equal(table.data[half][:].numpy(), expected)
        assert table.labels["digit"].tolist() == np.repeat(np.arange(9, -1, -1), 5).tolist()
    assert len(made.val) == 0
    held = halves(released, val_fraction=0.4)
    assert len(held.val) > 0 and len(held.train) + len(held.val) < 50
    some = halves(released, val_fraction=0, train_tuples=20, test_tuples=10)
    assert (len(some.train), len(some.test)) == (20, 10)
    assert len(MnistSvhn(MnistSvhnConfig(root=released)).sources()) == 10


RELEASED_DEFECTS = {
    "missing": (
        lambda f: (f / "mnist_y_te.npy").unlink(),
        r"there is no mnist_y_te.npy in .*; mnist_\{tr,te\}.npy, .* belong there",
    ),
    "no svhn": (lambda f: (f / "mnist_shvn").rename(f / "other"), r"there is no mnist_shvn in "),
    "half of svhn": (lambda f: (f / "mnist_shvn" / "test_32x32.mat").unlink(), r"There is no test_32x32.mat in "),
    "truncated": (
        lambda f: (f / "mnist_tr.npy").write_bytes((f / "mnist_tr.npy").read_bytes()[:-8]),
        r"mnist_tr.npy is truncated, damaged",
    ),
    "empty": (lambda f: (f / "svhn_idx_te.npy").write_bytes(b""), r"svhn_idx_te.npy is truncated, damaged"),
    "objects": (
        lambda f: np.save(f / "mnist_y_tr.npy", np.array([None])),
        r"mnist_y_tr.npy is truncated, damaged, or no .npy file of numbers",
    ),
    "swapped": (
        lambda f: exchange_files(f / "mnist_idx_te.npy", f / "svhn_idx_te.npy"),
        r"mnist_idx_te.npy and .*svhn_idx_te.npy are swapped",
    ),
    "swapped kinds": (
        lambda f: exchange_files(f / "mnist_te.npy", f / "mnist_y_te.npy"),
        r"mnist_te.npy holds \[60\] of int64; it should be \[n, 784\]",
    ),
    "duplicated": (
        lambda f: [
            (f / name.format("te")).write_bytes((f / name.format("tr")).read_bytes())
            for name in ("mnist_{}.npy", "mnist_y_{}.npy")
        ],
        r"mnist_te.npy holds the same images as .*mnist_tr.npy",
    ),
    "mis-paired": (
        lambda f: edit_array(f / "svhn_idx_tr.npy", np.flip),
        r"mnist_idx_tr.npy and .*svhn_idx_tr.npy join a 9 with a 0 in entry 0",
    ),
    "shorter": (
        lambda f: edit_array(f / "svhn_idx_tr.npy", lambda x: x[1:]),
        r"mnist_idx_tr.npy has 50 tuples and .*svhn_idx_tr.npy has 49",
    ),
    "beyond": (
        lambda f: edit_array(f / "svhn_idx_te.npy", lambda x: x + 70),
        r"svhn_idx_te.npy points at image \d+ in entry 0, and there are 70",
    ),
    "labels": (
        lambda f: edit_array(f / "mnist_y_te.npy", lambda x: x + 1),
        r"mnist_y_te.npy has the label 10 at position \d+; labels are 0 to 9",
    ),
    "label lost": (
        lambda f: edit_array(f / "mnist_y_te.npy", lambda x: x[1:]),
        r"mnist_y_te.npy has 59 labels, and .*mnist_te.npy has 60 images",
    ),
    "points": (
        lambda f: edit_array(f / "svhn_idx_te.npy", lambda x: x + 0.5),
        r"svhn_idx_te.npy holds \[50\] of float64; .* whole numbers",
    ),
    "wild": (lambda f: edit_array(f / "mnist_tr.npy", lambda x: x * 900), r"mnist_tr.npy has values from 0 to 900"),
}


@pytest.mark.parametrize("name", RELEASED_DEFECTS)
def test_every_defect_of_the_released_folder_is_one_sentence(released, name):
    spoil, sentence = RELEASED_DEFECTS[name]
    spoil(released)
    with raises_sentence(sentence, DataError, naming=released):
        halves(released)


def test_rotated_images_of_a_published_file(tmp_path, digits):
    codes, file, start = digits.train[1], {}, 0
    for number, (one, two, label) in enumerate(KEYS.values()):
        rows = np.concatenate([np.flatnonzero(codes == digit)[start : start + 5] for digit in range(10)])
        views = make_views(*digits.train, rows, 1, np.random.default_rng(number))
        rotated, noisy = (
            view.swapaxes(1, 2).reshape(-1, 784) / np.float32(255) for view in (views.rotated, views.noisy)
        )
        file |= {one: rotated, two: noisy, label: np.where(views.digits == 0, 10, views.digits)[:, None]}
        start += 5
    savemat(tmp_path / "MNIST.mat", file)
    made = ThreeViewMnist(ThreeViewMnistConfig(rotated=tmp_path, **SMALL)).splits()
    assert "turned digits of MNIST.mat" in made.provenance.summary
    for side, key in (("train", "X1"), ("val", "XV1"), ("test", "XTe1")):
        known = {row.reshape(28, 28).T.tobytes() for row in loadmat(tmp_path / "MNIST.mat")[key]}
        assert {image.numpy().tobytes() for image in getattr(made, side).data["rotated"][:]} <= known
    assert tmp_path / "MNIST.mat" in ThreeViewMnist(ThreeViewMnistConfig(rotated=tmp_path)).sources()


def test_a_digit_that_is_nowhere(tmp_path, digits):
    write_digits(tmp_path, "train", tuple(part[digits.train[1] != 7] for part in digits.train))
    write_digits(tmp_path, "test", digits.test)
    with pytest.raises(
        DataError, match=r"^Among the images for mnist there is no 7 for training; every digit is needed\.$"
    ):
        MnistSvhn(MnistSvhnConfig(digits=tmp_path, **SMALL)).splits()


def test_published_sizes_only_where_both_halves_are_real():
    config = TuplesConfig()
    assert config.counts("mnist-svhn", real=True) == (80_000, 20_000)
    assert config.counts("three-view-mnist", real=True) == (30_000, 7_000)
    assert config.counts("mnist-svhn", real=False) == (10_000, 2_000)
    assert TuplesConfig(train_tuples=30).counts("mnist-svhn", real=True) == (30, 20_000)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"download": True}, "download needs a folder to put the files in; set digits and svhn"),
        ({"rendered": (100, 19)}, r"rendered is \[100, 19\]; training and test need at least 20"),
        ({"train_tuples": 3}, "greater than or equal to 10"),
        ({"val_fraction": 1.0}, "less than 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TuplesConfig(**options)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("two-view-mnist", TwoViewMnist), ("mnist-svhn", MnistSvhn), ("three-view-mnist", ThreeViewMnist)],
)
def test_a_model_takes_it(name, kind):
    data = mmgen.open_dataset(name, kind.toy(), {"all": {"hidden": [16]}})
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=4)
    assert model(data.train[:6]).value(1.0).isfinite().all()
    first, *_, last = data.modalities
    made = model.generate(data.test[:3], given=[first], targets=[last])[last]
    assert made.shape[-3:] == data.modalities[last].shape and ((made >= 0) & (made <= 1)).all()


@pytest.mark.parametrize("name", ["two-view-mnist", "mnist-svhn", "three-view-mnist"])
def test_the_recipes_name_their_dataset(name):
    recipe = read_recipe(f"{name}-desk")
    assert recipe.dataset["name"] == name and recipe.scale == "desk"
