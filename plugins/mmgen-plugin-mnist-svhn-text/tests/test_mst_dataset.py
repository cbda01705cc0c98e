"""The dataset: official files written small and read back, stand-ins, provenance, and what a user can get wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.io import savemat

import mmgen
from mmgen import DataError
from mmgen.runs.config import read_recipe
from mmgen.testing import check_dataset, write_idx
from mmgen_plugin_mnist_svhn_text.digit_names import ALPHABET, WORDS
from mmgen_plugin_mnist_svhn_text.mnist_svhn_text import MnistSvhnText, MnistSvhnTextConfig

IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SIZES = {"mnist": {"train": 200, "test": 60}, "svhn": {"train": 150, "test": 70}}
FEW = {"rendered": (80, 40), "repeats": 2}


def header(magic: int, *sizes: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in (magic, *sizes))


@pytest.fixture(scope="module")
def content() -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
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
def root(tmp_path, content) -> Path:
    """The official layout in one folder, without a published pairing."""
    raw, svhn = tmp_path / "MNIST" / "raw", tmp_path / "SVHN"
    raw.mkdir(parents=True)
    svhn.mkdir()
    for part, (first, second) in IDX.items():
        images, digits = content["mnist"][part]
        write_idx(raw / f"{first}.gz", images)
        write_idx(raw / second, digits)
        images, digits = content["svhn"][part]
        labels = np.where(digits == 0, 10, digits).astype(np.uint8)[:, None]
        savemat(svhn / f"{part}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
    return tmp_path


@pytest.fixture
def published(root, content) -> Path:
    """The same with index files: of every digit a few tuples, in an order that no draw would give."""
    (root / "MNIST_SVHN").mkdir()
    for part in ("train", "test"):
        for half in ("mnist", "svhn"):
            digits = content[half][part][1]
            index = np.concatenate([np.flatnonzero(digits == digit)[[2, 0, 1, 0, 3]] for digit in range(9, -1, -1)])
            np.save(root / "MNIST_SVHN" / f"idx_{half}_{part}.npy", index)
    return root


def splits(**options) -> mmgen.Splits:
    return MnistSvhnText(MnistSvhnTextConfig(**options)).splits()


def texts(table: mmgen.Table) -> list[str]:
    return ["".join(ALPHABET[code] for code in row) for row in table.data["text"].tolist()]


def test_the_modalities():
    modalities = MnistSvhnText().modalities()
    assert list(modalities) == ["mnist", "svhn", "text"]
    mnist, svhn, text = modalities.values()
    assert (mnist.shape, mnist.network, mnist.hidden, mnist.output) == ((1, 28, 28), "mlp", (400,), "sigmoid")
    assert (svhn.shape, svhn.network, svhn.output) == ((3, 32, 32), "conv4", "linear")
    assert (text.shape, text.network, text.pad, len(text.alphabet)) == ((8,), "conv", " ", 71)
    assert (mnist.likelihood.name, mnist.likelihood.scale, svhn.likelihood.name, svhn.likelihood.scale) == (
        "laplace",
        0.75,
        "laplace",
        0.75,
    )
    assert (mnist.weight, svhn.weight, text.weight) == (3072 / 784, 1, 384)
    assert text.render(np.array([69, 69, 18, 8, 23, 69, 69, 69])).content == "six"
    sigmoid = mnist.decoder(4)(torch.full((1, 4), 100.0))
    assert sigmoid.min() >= 0 and sigmoid.max() <= 1


def test_the_official_files_are_read_and_joined_as_they_are(root, content):
    made = splits(root=root, repeats=3, val_fraction=0.2)
    assert made.provenance.kind == "real"
    assert made.provenance.source == str(root) + "; " + str(root / "SVHN")
    assert made.labels == {"digit": WORDS}
    for side, part in (("train", "train"), ("val", "train"), ("test", "test")):
        table = getattr(made, side)
        known = {
            half: {image.tobytes(): digit for image, digit in zip(*content[half][part])} for half in ("mnist", "svhn")
        }
        assert set(table.labels["digit"].tolist()) == set(range(10))
        for half in ("mnist", "svhn"):
            found = [known[half][image.numpy().tobytes()] for image in table.data[half][:]]
            assert found == table.labels["digit"].tolist()
        assert [text.strip() for text in texts(table)] == [WORDS[digit] for digit in table.labels["digit"]]
        assert all(text[7] == " " for text in texts(table))
        assert table.data["text"].dtype == torch.uint8
    assert made.facts["images_per_digit"] == {"train": [12] * 10, "val": [3] * 10, "test": [6] * 10}
    assert made.facts["tuples"] == {"train": 360, "val": 90, "test": 180} == made.facts["tuples_kept"]
    assert (len(made.train), len(made.val), len(made.test)) == (360, 90, 180)


def test_no_image_is_on_two_sides(root):
    made = splits(root=root, repeats=5, val_fraction=0.3)
    for half in ("mnist", "svhn"):
        sides = [
            {image.numpy().tobytes() for image in getattr(made, side).data[half][:]}
            for side in ("train", "val", "test")
        ]
        assert all(sides)
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    rows = [set(getattr(made, side).rows.tolist()) for side in ("train", "val", "test")]
    assert len(rows[0] | rows[1] | rows[2]) == sum(map(len, rows))


def test_real_files_are_paired_as_published_unless_asked_otherwise(root):
    def images_used(**options) -> int:
        return len(splits(root=root, val_fraction=0, repeats=20, **options).train.data["mnist"].values)

    assert images_used() == 150  # the first 15 of each digit, as SVHN has no more
    assert images_used(use_all=True) > 190


def test_digits_and_svhn_come_before_root(root, tmp_path):
    one = splits(root=root, repeats=2)
    two = splits(digits=root / "MNIST" / "raw", svhn=root / "SVHN", repeats=2)
    for side in ("train", "val", "test"):
        for name in ("mnist", "svhn", "text"):
            assert torch.equal(getattr(one, side).data[name][:], getattr(two, side).data[name][:])
    with pytest.raises(DataError, match=r"There is no folder .*nowhere"):
        splits(root=root, svhn=tmp_path / "nowhere")


def test_a_published_pairing_comes_in_its_own_order(published, content):
    made = splits(root=published, val_fraction=0)
    assert made.facts["pairing"] == "index files" and made.facts["tuples_dropped"] == 0
    assert made.provenance.kind == "real" and "index files" in made.provenance.summary
    for part in ("train", "test"):
        for half in ("mnist", "svhn"):
            index = np.load(published / "MNIST_SVHN" / f"idx_{half}_{part}.npy")
            expected = content[half][part][0][index].reshape(len(index), -1, *content[half][part][0].shape[-2:])
            assert np.array_equal(getattr(made, part).data[half][:].numpy(), expected)
        assert getattr(made, part).labels["digit"].tolist() == np.repeat(np.arange(9, -1, -1), 5).tolist()
    assert len(made.val) == 0
    held = splits(root=published, val_fraction=0.4)
    assert len(held.train) + len(held.val) + held.facts["tuples_dropped"] == 50
    assert held.facts["tuples_dropped"] > 0


def test_a_published_pairing_does_not_fit_stand_ins(published):
    for folder in ("MNIST", "SVHN"):
        (published / folder).rename(published / f"no-{folder}")
    with pytest.raises(
        DataError,
        match=r"idx_mnist_train.npy and .*idx_svhn_train.npy join a \d with a \d in entry \d+; they belong to other",
    ):
        splits(root=published, rendered=(80, 80))


def test_provenance_is_real_only_where_both_halves_are(root):
    digits, svhn = root / "MNIST", root / "SVHN"
    for options, kind, said in (
        ({"digits": digits, "svhn": svhn}, "real", ("200/60 ", "150/70 SVHN street-number digits")),
        (
            {"digits": digits},
            "stand-in",
            ("200/60 ", "80/40 street-number-like digits rendered from matplotlib's fonts"),
        ),
        (
            {"svhn": svhn},
            "stand-in",
            ("scikit-learn's 1,797 real handwritten digits, enlarged", "150/70 SVHN street-number digits"),
        ),
        ({}, "stand-in", ("scikit-learn's 1,797", "rendered", "English words, generated", "drawn with seed 0")),
    ):
        provenance = splits(**FEW, **options).provenance
        assert provenance.kind == kind
        assert all(words in provenance.summary for words in said)


def test_stand_ins_keep_fewer_tuples_unless_told_otherwise(root, monkeypatch):
    monkeypatch.setattr("mmgen_plugin_mnist_svhn_text.mnist_svhn_text.DESK", 100)
    assert 90 < len(splits(**FEW).train) <= 100
    assert len(splits(**FEW, max_tuples=10_000).train) == 2 * 72  # of 80 rendered ones, eight are held out
    assert len(splits(root=root, repeats=3).train) == 3 * 135  # of 150 street numbers, 15 are held out
    assert set(splits(**FEW, max_tuples=10).train.labels["digit"].tolist()) == set(range(10))


def test_images_are_stored_once_and_tuples_as_indices(root):
    table = splits(root=root, repeats=20, val_fraction=0).train
    assert len(table) == 3000
    assert isinstance(table.data["svhn"], mmgen.Indexed)
    assert table.data["svhn"].values.shape == (150, 3, 32, 32)
    assert table.nbytes == 150 * (784 + 3072) + 3000 * 8 + 2 * 3000 * 8  # pixels, letters, and indices of two


def test_the_seed_decides_every_byte(root, tmp_path):
    def written(name: str, **options) -> bytes:
        made = splits(root=root, repeats=3, **options)
        for side in ("train", "val", "test"):
            getattr(made, side).save(tmp_path / f"{name}-{side}")
        return b"".join((tmp_path / f"{name}-{side}").read_bytes() for side in ("train", "val", "test"))

    assert written("one", seed=3) == written("again", seed=3)
    assert written("one", seed=3) != written("other", seed=4)


def test_the_toy_keeps_the_contracts():
    toy = MnistSvhnText.toy()
    assert toy.sources() == []
    check_dataset(toy)
    made = toy.splits()
    assert made.provenance.kind == "stand-in"
    assert len(made.train) < 100
    for side in ("train", "val", "test"):
        assert set(getattr(made, side).labels["digit"].tolist()) == set(range(10))


def test_a_model_takes_it_and_the_cache_notices_files(root, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    data = mmgen.load_dataset("mnist-svhn-text", root=root, repeats=1)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=4)
    value = model(data.train[:6]).value(1.0)
    assert value.shape == (6,) and value.isfinite().all()
    made = model.generate(data.test[:3], given=["mnist"], targets=["svhn", "text"])
    assert made["svhn"].shape[-3:] == (3, 32, 32) and made["text"].shape[-1] == 8
    assert sorted(data.dataset.sources()) == sorted([*(root / "MNIST" / "raw").iterdir(), *(root / "SVHN").iterdir()])
    labels = root / "MNIST" / "raw" / IDX["test"][1]
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte is truncated"):
        mmgen.load_dataset("mnist-svhn-text", root=root, repeats=1)


def test_a_root_with_nothing_in_it(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            DataError,
            match=r"dataset.root: .* has neither MNIST \(idx files\), nor SVHN \(.mat files\), nor MNIST_SVHN",
        ):
            splits(root=folder)


def test_half_of_svhn_is_not_replaced_by_rendered_digits(root):
    (root / "SVHN" / "test_32x32.mat").unlink()
    with pytest.raises(DataError, match=r"There is no test_32x32.mat in "):
        splits(root=root)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"download": True}, "download needs a folder to put the files in; set root, or digits and svhn"),
        ({"rendered": (100, 19)}, r"rendered is \[100, 19\]; training and test need at least 20 street numbers each"),
        ({"max_tuples": 9}, "greater than or equal to 10"),
        ({"repeats": 0}, "greater than or equal to 1"),
        ({"val_fraction": 1.0}, "less than 1"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        MnistSvhnTextConfig(**options)


def test_the_recipes_name_the_dataset_and_the_published_numbers():
    desk, paper = read_recipe("mnist-svhn-text-desk"), read_recipe("elbo-mnist-svhn-text-paper")
    for recipe in (desk, paper):
        assert recipe.dataset == {"name": "mnist-svhn-text"}
        assert recipe.model == {"latent_dim": 32, "beta": 1.0}
    assert (desk.scale, paper.scale) == ("desk", "paper")
    assert paper.training == {"epochs": 100, "batch_size": 256, "learning_rate": 5e-4}
