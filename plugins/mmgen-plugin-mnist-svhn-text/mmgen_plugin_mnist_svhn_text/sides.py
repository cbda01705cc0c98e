"""Training, validation and test tuples, without any image on two sides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmgen import DataError, split_rows
from mmgen.data.sides import SIDES

from .index_files import HALVES, read_pairing
from .pairing import Pairing, draw_pairing, thin_tuples

FEWEST = 1_000  # tuples that validation and test keep, however few the training has

Labels = Mapping[str, Mapping[str, np.ndarray]]  # half, then part: digits [n] of its images


def make_sides(
    labels: Labels,
    published: Mapping[tuple[str, str], Path],
    *,
    repeats: int,
    val_fraction: float,
    use_all: bool,
    seed: int,
) -> tuple[dict[str, Pairing], int]:
    """The pairing of every side, and how many tuples of a published one had to go.

    Validation images are cut from the training images of both halves before they are paired. A published pairing is
    read as it is; of its training tuples those stay whose two images are on the same side.

    Args:
        labels: Digits of all images.
        published: Index files; empty: the pairing is drawn.
        repeats: How often each image occurs in a drawn pairing.
        val_fraction: Share of the training images of each digit, in both halves.
        use_all: See :func:`~mmgen_plugin_mnist_svhn_text.pairing.draw_pairing`.
        seed: Of the validation images and the pairing.
    """
    is_validation = {half: _hold_out(labels[half]["train"], val_fraction, seed) for half in HALVES}
    if published:
        return _split_published(labels, published, is_validation)
    digits = {
        "train": {half: np.where(is_validation[half], -1, labels[half]["train"]) for half in HALVES},
        "val": {half: np.where(is_validation[half], labels[half]["train"], -1) for half in HALVES},
        "test": {half: labels[half]["test"] for half in HALVES},
    }
    draws = [np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(len(SIDES))]
    sides = {
        side: draw_pairing(digits[side]["mnist"], digits[side]["svhn"], repeats, draw, use_all=use_all)
        for side, draw in zip(SIDES, draws)
    }
    for side in ("train", "test"):
        _check_every_digit(sides[side], side, digits[side])
    return sides, 0


def _hold_out(digits: np.ndarray, val_fraction: float, seed: int) -> np.ndarray:
    """Which training images ``[n]`` are for validation: a share of each digit."""
    is_validation = np.zeros(len(digits), dtype=bool)
    is_validation[split_rows(len(digits), test=0, val=val_fraction, seed=seed, strata=digits)["val"]] = True
    return is_validation


def _split_published(
    labels: Labels, published: Mapping[tuple[str, str], Path], is_validation: Mapping[str, np.ndarray]
) -> tuple[dict[str, Pairing], int]:
    """The published tuples by side, and how many training tuples have their two images on different sides."""
    train, test = (
        read_pairing(published, part, {half: labels[half][part] for half in HALVES}) for part in ("train", "test")
    )
    mnist, svhn = is_validation["mnist"][train.mnist], is_validation["svhn"][train.svhn]
    sides = {
        "train": train.select(np.flatnonzero(~mnist & ~svhn)),
        "val": train.select(np.flatnonzero(mnist & svhn)),
        "test": test,
    }
    return sides, int((mnist != svhn).sum())


def _check_every_digit(pairing: Pairing, side: str, digits: Mapping[str, np.ndarray]) -> None:
    if 0 not in pairing.per_digit:
        return
    digit = pairing.per_digit.index(0)
    half = next(half for half in HALVES if digit not in digits[half])
    name = {"mnist": "handwritten digits", "svhn": "street numbers"}[half]
    purpose = "training" if side == "train" else "testing"
    raise DataError(f"Among the {name} there is no {digit} for {purpose}; every digit is needed.")


def thin_sides(sides: Mapping[str, Pairing], labels: Labels, limit: int | None, seed: int) -> dict[str, Pairing]:
    """At most ``limit`` training tuples (none: all), drawn by digit.

    Validation and test keep the same share of theirs, and at least 1,000.
    """
    count = len(sides["train"])
    if limit is None or limit >= count:
        return dict(sides)
    draw = np.random.default_rng([seed, count])
    thinned_sides = {}
    for side, pairing in sides.items():
        target = limit if side == "train" else max(FEWEST, math.ceil(len(pairing) * limit / count))
        thinned_sides[side] = pairing.select(
            thin_tuples(labels["mnist"]["test" if side == "test" else "train"][pairing.mnist], target, draw)
        )
    return thinned_sides
