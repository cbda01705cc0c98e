"""MNIST-SVHN in the folder of the released code of "Discriminative multimodal learning via conditional priors"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmgen import DataError
from mmgen.data import read_npy
from mmgen.data.sides import SIDES
from mmgen_plugin_vision.pairings import check_pairing

from .tuples import Pool

SIDE = 28
PARTS = {"train": "tr", "test": "te"}
SVHN = ("mnist_shvn", "mnist_svhn")  # the folder is misspelt there


def find_released(root: Path | None) -> tuple[dict[str, dict[str, Path]], Path | None]:
    """The .npy files by part and content (``images``, ``digits``, ``mnist``, ``svhn``), and the folder with SVHN.

    Raises:
        DataError: One of them is missing.
    """
    if root is None:
        return {}, None
    names = {
        "images": "mnist_{}.npy",
        "digits": "mnist_y_{}.npy",
        "mnist": "mnist_idx_{}.npy",
        "svhn": "svhn_idx_{}.npy",
    }
    paths = {
        part: {content: root / name.format(short) for content, name in names.items()} for part, short in PARTS.items()
    }
    missing = [path.name for files in paths.values() for path in files.values() if not path.is_file()]
    folder = next((root / name for name in SVHN if (root / name).is_dir()), None)
    missing += [] if folder else [SVHN[0]]
    if missing:
        all_names = ", ".join(name.format("{tr,te}") for name in names.values())
        raise DataError(
            f"dataset.root: there is no {' and no '.join(missing)} in {root}; {all_names} belong there, and {SVHN[0]} "
            "with SVHN."
        )
    return paths, folder


def read_digits(paths: dict[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of one part: images uint8 ``[n, 28, 28]``, digits int64 ``[n]``."""
    path = paths["images"]
    images = read_npy(path)
    if images.ndim < 2 or not len(images) or images[0].size != SIDE * SIDE or images.dtype.kind not in "fu":
        raise DataError(
            f"{path} holds {list(images.shape)} of {images.dtype}; it should be [n, {SIDE * SIDE}] of bytes, or of "
            "numbers from 0 to 1."
        )
    if images.dtype != np.uint8:
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 255):
            raise DataError(f"{path} has values from {low:g} to {high:g}; pixels are from 0 to 1, or from 0 to 255.")
        images = np.round(images * (255 if high <= 1 else 1)).astype(np.uint8)
    digits = _whole_numbers(paths["digits"])
    if len(digits) != len(images):
        raise DataError(
            f"{paths['digits']} has {len(digits):,} labels, and {path} has {len(images):,} images; there is one "
            "label per image."
        )
    if len(wrong := np.flatnonzero((digits < 0) | (digits > 9))):
        raise DataError(
            f"{paths['digits']} has the label {digits[wrong[0]]} at position {wrong[0] + 1}; labels are 0 to 9."
        )
    return images.reshape(-1, SIDE, SIDE), digits


def read_pairing(paths: dict[str, Path], mnist: np.ndarray, svhn: np.ndarray) -> list[np.ndarray]:
    """Images of every tuple of one part, ``[N]`` in each half.

    Args:
        paths: The files of the part.
        mnist: Digits of its handwritten images.
        svhn: Digits of its street numbers.

    Raises:
        DataError: The two lists do not belong together, or to these images.
    """
    mnist_path, svhn_path = paths["mnist"], paths["svhn"]
    first, second = _whole_numbers(mnist_path), _whole_numbers(svhn_path)
    check_pairing((mnist_path, svhn_path), (first, second), (mnist, svhn))
    return [first, second]


def draw_released_sides(
    paths: Mapping[str, dict[str, Path]],
    pools: Mapping[str, Mapping[str, Pool]],
    counts: tuple[int, int],
    val_fraction: float,
    seed: int,
) -> dict[str, list[np.ndarray]]:
    """At most ``counts`` training and test tuples out of the index files, and validation tuples.

    They are drawn at random; validation tuples have images that are held out in both halves. Training tuples whose
    images are on different sides of the validation cut are left out.
    """
    digits = {
        half: {"train": np.maximum(by_side["train"].digits, by_side["val"].digits), "test": by_side["test"].digits}
        for half, by_side in pools.items()
    }
    pairings = {part: read_pairing(paths[part], digits["mnist"][part], digits["svhn"][part]) for part in PARTS}
    limits = {"train": counts[0], "val": round(counts[0] * val_fraction), "test": counts[1]}
    sides = {}
    for number, side in enumerate(SIDES):
        first, second = pairings["test" if side == "test" else "train"]
        usable = np.flatnonzero((pools["mnist"][side].digits[first] >= 0) & (pools["svhn"][side].digits[second] >= 0))
        rows = np.sort(np.random.default_rng([seed, number]).permutation(usable)[: limits[side]])
        sides[side] = [first[rows], second[rows]]
    return sides


def _whole_numbers(path: Path) -> np.ndarray:
    """int64 ``[n]``; whole numbers stored with a point are taken as well."""
    values = read_npy(path).squeeze()
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.array_equal(values, np.round(values)):
        raise DataError(f"{path} holds {list(values.shape)} of {values.dtype}; it should be a list of whole numbers.")
    return values.astype(np.int64)
