"""Images of the same digit from several halves, joined to tuples; no image is on two sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmgen import DataError, Indexed, Table, split_rows
from mmgen.data.sides import SIDES

CAP = 10_000  # images of a class at most (Shi, Siddharth, Paige and Torr 2019)


@dataclass(frozen=True)
class Pool:
    """The images of one half that a side may use.

    Attributes:
        images: uint8 or float32 ``[n, c, h, w]``.
        digits: int64 ``[n]``; −1 for an image of another side.
        first: Number of the first image among all of this half.
    """

    images: np.ndarray
    digits: np.ndarray
    first: int = 0


def make_pools(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], val_fraction: float, seed: int
) -> dict[str, Pool]:
    """One half's pool for every side: validation images are a share of the training images of each digit."""
    images, digits = train
    is_validation = np.zeros(len(digits), dtype=bool)
    is_validation[split_rows(len(digits), test=0, val=val_fraction, seed=seed, strata=digits)["val"]] = True
    return {
        "train": Pool(images, np.where(is_validation, -1, digits)),
        "val": Pool(images, np.where(is_validation, digits, -1)),
        "test": Pool(*test, len(digits)),
    }


def draw_tuples(halves: Sequence[np.ndarray], count: int, repeats: int, draw: np.random.Generator) -> list[np.ndarray]:
    """At most ``count`` tuples of images of one digit, from the pairing of MMVAE (Shi et al. 2019).

    For each digit c, n_c is the number of its images in the smallest half, 10,000 at most. Every repetition permutes
    the images of the digit in each half and joins the first n_c; of all these tuples ``count`` are drawn. Deviation:
    that script permutes the same n_c images each time, which leaves the others of a larger half unused.

    Args:
        halves: Digits of the images in each half, ``[n]``; −1 takes an image out.
        count: How many tuples are wanted.
        repeats: How often a half's images are permuted.
        draw: Random numbers.

    Returns:
        For each half the image of every tuple, ``[N]``.
    """
    half_chunks: list[list[np.ndarray]] = [[np.zeros(0, dtype=np.int64)] for _ in halves]
    for digit in range(10):
        members = [np.flatnonzero(digits == digit) for digits in halves]
        fewest = min(CAP, *(len(images) for images in members))
        for _ in range(repeats):
            for chunks, images in zip(half_chunks, members):
                chunks.append(draw.permutation(images)[:fewest])
    tuples = [np.concatenate(chunks) for chunks in half_chunks]
    rows = np.sort(draw.permutation(len(tuples[0]))[:count])
    return [index[rows] for index in tuples]


def draw_sides(
    pools: Mapping[str, Mapping[str, Pool]], counts: tuple[int, int], val_fraction: float, repeats: int, seed: int
) -> dict[str, list[np.ndarray]]:
    """Tuples of every side.

    Args:
        pools: Half, then side.
        counts: Training and test tuples; validation has ``val_fraction`` of the former.
        val_fraction: See there.
        repeats: See :func:`draw_tuples`.
        seed: Of the draw.

    Raises:
        DataError: A half has no image of some digit.
    """
    limits = {"train": counts[0], "val": round(counts[0] * val_fraction), "test": counts[1]}
    sides = {}
    for number, side in enumerate(SIDES):
        for half, half_pools in pools.items():
            absent = sorted(set(range(10)) - set(half_pools[side].digits.tolist()))
            if absent and side != "val":
                purpose = "training" if side == "train" else "testing"
                raise DataError(
                    f"Among the images for {half} there is no {absent[0]} for {purpose}; every digit is needed."
                )
        digits = [half_pools[side].digits for half_pools in pools.values()]
        sides[side] = draw_tuples(digits, limits[side], repeats, np.random.default_rng([seed, number]))
    return sides


def make_tables(pools: Mapping[str, Mapping[str, Pool]], sides: Mapping[str, Sequence[np.ndarray]]) -> dict[str, Table]:
    """Tables that hold every image once, and an index for each tuple.

    Tuples of one image of the first half are a group.
    """
    tables, start = {}, 0
    for side, indices in sides.items():
        side_pools = {half: half_pools[side] for half, half_pools in pools.items()}
        first = next(iter(side_pools.values()))
        tables[side] = Table.of(
            {
                half: Indexed(torch.from_numpy(pool.images), torch.from_numpy(index)).select(slice(None))
                for (half, pool), index in zip(side_pools.items(), indices)
            },
            labels={"digit": torch.from_numpy(first.digits[indices[0]])},
            rows=start + torch.arange(len(indices[0])),
            groups=torch.from_numpy(first.first + indices[0]),
        )
        start += len(indices[0])
    return tables
