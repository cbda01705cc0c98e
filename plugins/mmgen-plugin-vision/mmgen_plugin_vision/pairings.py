"""Published pairings of MNIST and SVHN: two lists of image numbers, of which entry n of each is tuple n."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmgen.errors import DataError

Pair = tuple[np.ndarray, np.ndarray]


def check_pairing(paths: tuple[Path, Path], images: Pair, digits: Pair, origin: str = "") -> None:
    """Check that both images of every tuple show the same digit.

    Args:
        paths: The files of the two lists, for messages.
        images: Image of every tuple in either half, int64 ``[N]`` each.
        digits: Digits of all images of either half, ``[n]`` each.
        origin: The end of the sentence on an image that is not there: to which images the files belong.

    Raises:
        DataError: The lists differ in length, are swapped, name an image that is not there, or join different digits.
    """
    lengths = [len(index) for index in images]
    if lengths[0] != lengths[1]:
        raise DataError(
            f"{paths[0]} has {lengths[0]:,} tuples and {paths[1]} has {lengths[1]:,}; tuple n is entry n of both."
        )
    if _has_one_digit(images, digits):
        return
    if _has_one_digit(images[::-1], digits):
        raise DataError(f"{paths[0]} and {paths[1]} are swapped: each fits the images of the other.")
    for path, index, codes in zip(paths, images, digits):
        if len(wrong := np.flatnonzero((index < 0) | (index >= len(codes)))):
            raise DataError(
                f"{path} points at image {index[wrong[0]]} in entry {wrong[0]}, and there are {len(codes):,} images "
                f"numbered from 0{origin}."
            )
    first, second = (codes[index] for index, codes in zip(images, digits))
    entry = np.flatnonzero(first != second)[0]
    raise DataError(
        f"{paths[0]} and {paths[1]} join a {first[entry]} with a {second[entry]} in entry {entry}; they belong to "
        "other images, or not to each other."
    )


def _has_one_digit(images: Pair, digits: Pair) -> bool:
    """Whether both images of every tuple exist and show the same digit."""
    if not all(((index >= 0) & (index < len(codes))).all() for index, codes in zip(images, digits)):
        return False
    return bool((digits[0][images[0]] == digits[1][images[1]]).all())
