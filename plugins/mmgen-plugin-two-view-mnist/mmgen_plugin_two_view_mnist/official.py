"""Two-view MNIST as it is published: ``MNIST.mat``, or ``noisymnist_view1.gz`` and ``noisymnist_view2.gz``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from mmgen import DataError

from .reading import KEYS, SIDE, Part, read_matlab_views, read_pickle_views

MATLAB = "MNIST.mat"
PICKLES = ("noisymnist_view1.gz", "noisymnist_view2.gz")


@dataclass(frozen=True)
class TwoViews:
    """One split.

    Attributes:
        rotated: float32 or uint8 ``[n, 28, 28]``; numbers with a point are in [0, 1].
        noisy: The same, another image of the same digit in each row.
        digits: int64 ``[n]`` in 0 … 9.
        origin: Which handwritten image the rotated one is, int64 ``[n]``.
    """

    rotated: np.ndarray
    noisy: np.ndarray
    digits: np.ndarray
    origin: np.ndarray


def find_official(root: Path | None) -> list[Path]:
    """``[MNIST.mat]``, or both pickle files, or nothing where no root is named.

    Raises:
        DataError: The folder has neither, or one of the two pickle files.
    """
    if root is None:
        return []
    if (root / MATLAB).is_file():
        return [root / MATLAB]
    paths = [root / name for name in PICKLES]
    missing = [path.name for path in paths if not path.is_file()]
    if len(missing) == 1:
        raise DataError(
            f"There is no {missing[0]} in {root}; each of {' and '.join(PICKLES)} holds one view of the same rows."
        )
    if missing:
        raise DataError(f"dataset.root: {root} has neither {MATLAB} nor {' and '.join(PICKLES)}.")
    return paths


def read_official(paths: list[Path], columns: bool | None) -> tuple[dict[str, TwoViews], bool]:
    """The splits ``train``, ``val`` and ``test``, and whether the pixels were stored column by column.

    Args:
        paths: What :func:`find_official` found.
        columns: Whether pixels are stored column by column, as MATLAB does; None: found out from the digit one, which
            is higher than it is wide.

    Raises:
        DataError: A file is truncated, lacks an array, or has views that do not belong together.
    """
    parts = read_matlab_views(paths[0]) if len(paths) == 1 else read_pickle_views(paths)
    _check_views(parts, paths)
    if columns is None:
        rotated, _, digits = parts["train"]
        columns = _is_transposed(rotated[digits == 1])
    splits, start = {}, 0
    for side, (rotated, noisy, digits) in parts.items():
        first, second = (np.ascontiguousarray(view.swapaxes(1, 2) if columns else view) for view in (rotated, noisy))
        splits[side] = TwoViews(first, second, digits, start + np.arange(len(digits)))
        start += len(digits)
    return splits, columns


def _check_views(sides: Mapping[str, Part], paths: list[Path]) -> None:
    """View 1 has a black border and view 2 noise everywhere; no split is another one again."""
    for side, (rotated, noisy, _) in sides.items():
        first_name, second_name = paths if len(paths) == 2 else [f"{name} in {paths[0]}" for name in KEYS[side][:2]]
        if np.array_equal(rotated, noisy):
            raise DataError(
                f"{second_name} holds the same images as {first_name}; the second view is another image of the digit, "
                "under noise."
            )
        first_border, second_border = (float(view[:, :2].mean()) for view in (rotated, noisy))
        if first_border > second_border:
            raise DataError(
                f"{first_name} and {second_name} seem to be swapped: noise at the border belongs to the second view, "
                "and the first has it."
            )
    for side, other in combinations(sides, 2):
        if np.array_equal(sides[side][0], sides[other][0]):
            raise DataError(
                f"The {other} part of {paths[0]} holds the same images as its {side} part; copy the file again."
            )


def _is_transposed(ones: np.ndarray) -> bool:
    """Whether images ``[n, 28, 28]`` of the digit one are wider than they are high, over all of them."""
    if not len(ones):
        return False
    mean, axis = ones.mean(0), np.arange(SIDE) - (SIDE - 1) / 2
    return bool((mean.sum(0) * axis**2).sum() > (mean.sum(1) * axis**2).sum())
