"""Pairing, thinning, words and index files, each against what they should be by the book."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import DataError
from mmgen.testing import edit_array, exchange_files, raises_sentence, set_entry
from mmgen_plugin_mnist_svhn_text import pairing as pairing_module
from mmgen_plugin_mnist_svhn_text.digit_names import ALPHABET, BLANK, LENGTH, WORDS, write_words
from mmgen_plugin_mnist_svhn_text.index_files import find_index_files, read_pairing
from mmgen_plugin_mnist_svhn_text.pairing import draw_pairing, thin_tuples
from mmgen_plugin_mnist_svhn_text.sides import make_sides, thin_sides

digits_of_images = st.lists(st.integers(0, 9), min_size=10, max_size=80).map(lambda more: np.array([*range(10), *more]))


def by_the_book(mnist, svhn, repeats, cap):
    """The original script, image by image: for every repetition the images of each digit that may occur in it."""
    expected = []
    for digit in range(10):
        ones = [i for i, value in enumerate(mnist) if value == digit]
        others = [i for i, value in enumerate(svhn) if value == digit]
        n = min(len(ones), len(others), cap)
        for _ in range(repeats):
            expected.append((digit, ones[:n], others[:n]))
    return expected


@settings(max_examples=60, deadline=None)
@given(digits_of_images, digits_of_images, st.integers(1, 4), st.sampled_from([3, 10_000]), st.integers(0, 2**32))
def test_the_pairing_is_that_of_the_original_script(mnist, svhn, repeats, cap, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairing_module, "CAP", cap)
        pairing = draw_pairing(mnist, svhn, repeats, np.random.default_rng(seed))
    position = 0
    for digit, ones, others in by_the_book(mnist, svhn, repeats, cap):
        rows = slice(position, position + len(ones))
        assert sorted(pairing.mnist[rows]) == ones  # each once per repetition, in whatever order
        assert sorted(pairing.svhn[rows]) == others
        assert pairing.per_digit[digit] == len(ones)
        position += len(ones)
    assert position == len(pairing) == len(pairing.svhn)


def test_the_official_sizes():
    mnist = {
        "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }
    svhn = {
        "train": [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659],
        "test": [1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595],
    }
    for part, base in (("train", 56_068), ("test", 10_000)):
        ones, others = (np.repeat(np.arange(10), counts[part]) for counts in (mnist, svhn))
        pairing = draw_pairing(ones, others, 20, np.random.default_rng(0))
        assert len(pairing) == 20 * base
        assert np.array_equal(ones[pairing.mnist], others[pairing.svhn])


def test_both_halves_are_permuted_and_every_repetition_anew():
    digits = np.repeat(np.arange(10), 50)
    pairing = draw_pairing(digits, digits, 2, np.random.default_rng(0))
    for half in (pairing.mnist, pairing.svhn):
        first, second = half[:50], half[50:100]
        assert not np.array_equal(first, np.arange(50))
        assert not np.array_equal(first, second)
    assert (pairing.mnist == pairing.svhn).mean() < 0.1  # independent of each other


def test_use_all_takes_other_images_in_each_repetition():
    few, many = np.repeat(np.arange(10), 5), np.repeat(np.arange(10), 40)
    first = draw_pairing(few, many, 30, np.random.default_rng(0))
    every = draw_pairing(few, many, 30, np.random.default_rng(0), use_all=True)
    assert len(first) == len(every) == 10 * 5 * 30
    assert len(np.unique(first.svhn)) == 50
    assert len(np.unique(every.svhn)) > 380  # each is missed with probability (35/40)^30
    assert np.array_equal(few[every.mnist], many[every.svhn])
    assert all(len(set(every.svhn[start : start + 5])) == 5 for start in range(0, len(every), 5))


@settings(max_examples=80, deadline=None)
@given(digits_of_images, st.integers(10, 120), st.integers(0, 2**32))
def test_thinning_keeps_every_digit_by_its_share(digits, wanted, seed):
    rows = thin_tuples(digits, wanted, np.random.default_rng(seed))
    assert len(rows) <= wanted
    assert len(rows) == len(digits) or len(rows) > wanted - 10
    assert (np.diff(rows) > 0).all() and rows.min() >= 0 and rows.max() < len(digits)
    kept, whole = np.bincount(digits[rows], minlength=10), np.bincount(digits, minlength=10)
    assert (kept >= 1).all()
    if wanted < len(digits):  # beyond the one of each that is kept always
        assert (np.abs((kept - 1) - (whole - 1) * (wanted - 10) / (len(digits) - 10)) < 1).all()


def test_words_stand_at_every_place_equally_often_and_end_before_the_last():
    digits = np.repeat(np.arange(10), 6000)
    codes = write_words(digits, np.random.default_rng(0))
    assert codes.dtype == np.uint8 and codes.shape == (60_000, 8)
    assert (codes[:, -1] == BLANK).all()
    for digit, word in enumerate(WORDS):
        texts = np.array(["".join(ALPHABET[code] for code in row) for row in codes[digits == digit]])
        starts = 7 - len(word) + 1  # 0 … 7 − length
        found, counts = np.unique(texts, return_counts=True)
        assert set(found) == {" " * start + word + " " * (LENGTH - start - len(word)) for start in range(starts)}
        expected = 6000 / starts
        assert ((counts - expected) ** 2 / expected).sum() < 25  # chi-squared with 2 to 4 degrees of freedom: p < 1e-4


def test_the_alphabet_is_the_published_one():
    assert len(ALPHABET) == 71
    assert "".join(ALPHABET[:36]) == "abcdefghijklmnopqrstuvwxyz0123456789"
    assert "".join(ALPHABET[36:]) == "-,;.!?:'\"\\/|_@#$%^&*~`+-=<>()[]{} \n"
    assert [symbol for symbol in set(ALPHABET) if ALPHABET.count(symbol) > 1] == ["-"]
    assert BLANK == 69
    assert max(map(len, WORDS)) < LENGTH


@pytest.fixture
def labels():
    draw = np.random.default_rng(4)
    sizes = {"mnist": {"train": 300, "test": 90}, "svhn": {"train": 400, "test": 120}}
    return {
        half: {part: draw.permutation(np.arange(size) % 10) for part, size in parts.items()}
        for half, parts in sizes.items()
    }


def test_no_image_is_on_two_sides(labels):
    for use_all in (False, True):
        sides, dropped = make_sides(labels, {}, repeats=3, val_fraction=0.2, use_all=use_all, seed=1)
        assert dropped == 0
        for half, count in (("mnist", 300), ("svhn", 400)):
            train, val = (set(getattr(sides[side], half).tolist()) for side in ("train", "val"))
            assert not train & val
            assert max(train | val) < count
        assert (
            sides["train"].per_digit == (24,) * 10
            and sides["val"].per_digit == (6,) * 10
            and sides["test"].per_digit == (9,) * 10
        )
        for side, pairing in sides.items():
            part = "test" if side == "test" else "train"
            assert np.array_equal(labels["mnist"][part][pairing.mnist], labels["svhn"][part][pairing.svhn])


def test_without_validation_the_whole_training_part_is_paired(labels):
    sides, _ = make_sides(labels, {}, repeats=2, val_fraction=0, use_all=False, seed=1)
    assert len(sides["val"]) == 0
    assert sides["train"].per_digit == (30,) * 10
    assert set(sides["train"].mnist.tolist()) == set(range(300))


def test_fewer_tuples_are_some_of_them(labels):
    whole, _ = make_sides(labels, {}, repeats=20, val_fraction=0.2, use_all=False, seed=1)
    kept = thin_sides(whole, labels, 500, 1)
    assert 490 < len(kept["train"]) <= 500
    for side, pairing in kept.items():
        pairs = set(zip(whole[side].mnist.tolist(), whole[side].svhn.tolist()))
        assert set(zip(pairing.mnist.tolist(), pairing.svhn.tolist())) <= pairs
        assert pairing.per_digit == whole[side].per_digit
    assert 990 < len(kept["val"]) <= 1000 and 990 < len(kept["test"]) <= 1000  # the least that they keep
    assert thin_sides(whole, labels, None, 1) == whole
    assert len(thin_sides(whole, labels, 2400, 1)["test"]) == pytest.approx(1800 * 2400 / 4800, abs=110)


def test_a_digit_that_is_nowhere(labels):
    labels["svhn"]["test"][labels["svhn"]["test"] == 7] = 1
    with pytest.raises(
        DataError, match=r"^Among the street numbers there is no 7 for testing; every digit is needed\.$"
    ):
        make_sides(labels, {}, repeats=1, val_fraction=0.1, use_all=False, seed=0)


@pytest.fixture
def root(tmp_path, labels):
    """A published pairing of three repetitions in its four files."""
    (tmp_path / "MNIST_SVHN").mkdir()
    for part in ("train", "test"):
        pairing = draw_pairing(labels["mnist"][part], labels["svhn"][part], 3, np.random.default_rng(9))
        np.save(tmp_path / "MNIST_SVHN" / f"idx_mnist_{part}.npy", pairing.mnist)
        np.save(tmp_path / "MNIST_SVHN" / f"idx_svhn_{part}.npy", pairing.svhn.astype(np.int32))
    return tmp_path


def test_a_published_pairing_is_read_as_it_is(root, labels):
    sides, dropped = make_sides(labels, find_index_files(root), repeats=20, val_fraction=0, use_all=False, seed=5)
    assert dropped == 0 and len(sides["val"]) == 0
    for part in ("train", "test"):
        for half in ("mnist", "svhn"):
            assert np.array_equal(getattr(sides[part], half), np.load(root / "MNIST_SVHN" / f"idx_{half}_{part}.npy"))
    held, gone = make_sides(labels, find_index_files(root), repeats=20, val_fraction=0.3, use_all=False, seed=5)
    for half in ("mnist", "svhn"):
        assert not set(getattr(held["train"], half).tolist()) & set(getattr(held["val"], half).tolist())
    assert len(held["train"]) + len(held["val"]) + gone == len(sides["train"])
    assert len(held["val"]) and gone


def test_without_index_files(tmp_path):
    assert find_index_files(None) == {}
    assert find_index_files(tmp_path) == {}


def swap(folder, part):
    exchange_files(folder / f"idx_mnist_{part}.npy", folder / f"idx_svhn_{part}.npy")


def archive(path):
    with path.open("wb") as file:
        np.savez(file, a=np.arange(3))


TEST = "idx_mnist_test.npy"
DEFECTS = {
    "missing": (
        lambda f: (f / "idx_svhn_train.npy").unlink(),
        r"^There is no idx_svhn_train.npy beside .*; a pairing is kept in four files",
    ),
    "swapped": (
        lambda f: swap(f, "test"),
        r"idx_mnist_test.npy and .*idx_svhn_test.npy are swapped: each fits the images of the other",
    ),
    "truncated": (
        lambda f: (f / TEST).write_bytes((f / TEST).read_bytes()[:-8]),
        r"idx_mnist_test.npy is truncated, damaged, or no .npy",
    ),
    "empty": (lambda f: (f / TEST).write_bytes(b""), r"idx_mnist_test.npy is truncated, damaged, or no .npy"),
    "half a header": (
        lambda f: (f / TEST).write_bytes((f / TEST).read_bytes()[:40]),
        r"idx_mnist_test.npy is truncated, damaged",
    ),
    "objects": (
        lambda f: np.save(f / TEST, np.array([None])),
        r"idx_mnist_test.npy is truncated, damaged, or no .npy file of numbers",
    ),
    "archive": (lambda f: archive(f / TEST), r"idx_mnist_test.npy is .*no .npy file of numbers"),
    "numbers with a point": (
        lambda f: edit_array(f / TEST, lambda x: x + 0.5),
        r"idx_mnist_test.npy holds \[270\] of float64; .*whole numbers",
    ),
    "two columns": (
        lambda f: edit_array(f / TEST, lambda x: x[:, None]),
        r"idx_mnist_test.npy holds \[270, 1\] of int64",
    ),
    "nothing": (lambda f: edit_array(f / TEST, lambda x: x[:0]), r"idx_mnist_test.npy holds \[0\]"),
    "shorter": (
        lambda f: edit_array(f / TEST, lambda x: x[:-1]),
        r"idx_mnist_test.npy has 269 tuples and .*idx_svhn_test.npy has 270",
    ),
    "beyond": (
        lambda f: set_entry(f / TEST, 3, 90),
        r"idx_mnist_test.npy points at image 90 in entry 3, and there are 90 images",
    ),
    "negative": (
        lambda f: set_entry(f / "idx_svhn_test.npy", 5, -1),
        r"idx_svhn_test.npy points at image -1 in entry 5, and there are 120 images",
    ),
    "mis-paired": (
        lambda f: edit_array(f / TEST, lambda x: x[::-1]),
        r"idx_mnist_test.npy and .*idx_svhn_test.npy join a 9 with a 0 in entry 0",
    ),
    "of the other part": (
        lambda f: (f / TEST).write_bytes((f / "idx_mnist_train.npy").read_bytes()),
        r"idx_mnist_test.npy has 900 tuples and .*idx_svhn_test.npy has 270",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_of_index_files_is_one_sentence(root, labels, name):
    spoil, sentence = DEFECTS[name]
    spoil(root / "MNIST_SVHN")
    with raises_sentence(sentence, DataError, naming=root):
        read_pairing(find_index_files(root), "test", {half: parts["test"] for half, parts in labels.items()})
