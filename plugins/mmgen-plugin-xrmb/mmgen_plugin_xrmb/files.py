"""The two official files, under either of their names.

``XRMBf2KALDI_window7_single1.mat`` and ``…single2.mat``, or ``XRMB1.mat`` and ``XRMB2.mat``.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from mmgen import DataError
from mmgen.data import read_matlab

from .frames import ACOUSTIC, ARTICULATORY, PHONES, Frames

NAMES = (("XRMBf2KALDI_window7_single1.mat", "XRMBf2KALDI_window7_single2.mat"), ("XRMB1.mat", "XRMB2.mat"))
VIEWS = (("X1", "XV1", "XTe1"), ("X2", "XV2", "XTe2"))  # training, tuning and test part of each file
LABELS = ("trainLabel", "tuneLabel", "testLabel")
SPEAKERS = ("trainID", "tuneID", "testID")
SIZES = (ACOUSTIC, ARTICULATORY)


def find_files(root: Path | None) -> list[Path]:
    """Both files, the acoustic one first; none of them where no root is named.

    Raises:
        DataError: One or both are missing.
    """
    if root is None:
        return []
    for pair in NAMES:
        present = [root / name for name in pair if (root / name).is_file()]
        if len(present) == 2:
            return present
        if present:
            other = next(name for name in pair if root / name not in present)
            raise DataError(
                f"There is no {other} beside {present[0]}; the two files hold the two views of the same frames."
            )
    raise DataError(f"dataset.root: {root} has neither {' and '.join(NAMES[0])} nor {' and '.join(NAMES[1])}.")


def read_files(paths: list[Path]) -> Frames:
    """All frames of the two files, training part first.

    Raises:
        DataError: A file is truncated or is the other one, or the two do not belong together.
    """
    content = [_read(path, number) for number, path in enumerate(paths)]
    views = [[_view(content[i][key], key, paths[i], SIZES[i]) for key in VIEWS[i]] for i in (0, 1)]
    for number, key in enumerate(VIEWS[0]):
        other, count = VIEWS[1][number], len(views[0][number])
        if len(views[1][number]) != count:
            raise DataError(
                f"{paths[1]} has {len(views[1][number]):,} frames in {other}, and {paths[0]} has {count:,} in {key}; "
                "they are the same frames."
            )
        for name in (LABELS[number], SPEAKERS[number]):
            if content[1][name].size != count:
                raise DataError(
                    f"{paths[1]} has {content[1][name].size:,} values in {name}, and {count:,} frames in {other}; "
                    "there is one per frame."
                )
    for i, (keys, blocks) in enumerate(zip(VIEWS, views)):
        for first, second in combinations(range(len(keys)), 2):
            if np.array_equal(blocks[first], blocks[second]):
                raise DataError(
                    f"{paths[i]} holds the same frames in {keys[second]} as in {keys[first]}; copy the file again."
                )
    phone = np.concatenate([_codes(content[1][name], name, paths[1], 0, PHONES - 1) for name in LABELS])
    speaker = np.concatenate([_codes(content[1][name], name, paths[1], 1, 999) for name in SPEAKERS])
    training = np.arange(len(phone)) < len(views[0][0])
    return Frames(views[0], views[1], phone, speaker, training)


def _read(path: Path, number: int) -> dict[str, Any]:
    """The arrays of one of the two files."""
    names = [*VIEWS[number], *((*LABELS, *SPEAKERS) if number else ())]
    content = read_matlab(path)
    missing = [key for key in names if key not in content]
    if set(VIEWS[number]) <= set(missing) and set(VIEWS[1 - number]) <= set(content):
        views = ("acoustics", "articulation")
        raise DataError(
            f"{path} holds the {views[1 - number]}, and the {views[number]} belong there; the two files are swapped, "
            "or one is there twice."
        )
    if missing:
        raise DataError(f"{path} has no array {' and no '.join(missing)}; it should have {', '.join(names)}.")
    return content


def _view(values: np.ndarray, key: str, path: Path, size: int) -> np.ndarray:
    if values.ndim != 2 or values.shape[1] != size or values.dtype.kind != "f" or not len(values):
        raise DataError(
            f"{path} has {key} of shape {list(values.shape)} and type {values.dtype}; it should be [frames, {size}] "
            "of numbers."
        )
    finite = np.isfinite(values.sum(1))
    if not finite.all():
        raise DataError(
            f"{path} holds something that is not a finite number in frame {np.flatnonzero(~finite)[0] + 1} of {key}."
        )
    return values


def _codes(values: np.ndarray, key: str, path: Path, low: int, high: int) -> np.ndarray:
    codes = values.reshape(-1)
    wrong = np.flatnonzero(~((codes >= low) & (codes <= high) & (codes == np.round(codes))))
    if len(wrong):
        rule = f"labels are {low} to {high}" if low == 0 else "speakers have whole numbers from 1"
        raise DataError(f"{path} has {codes[wrong[0]]:g} in {key} at frame {wrong[0] + 1}; {rule}.")
    return codes.astype(np.int64)
