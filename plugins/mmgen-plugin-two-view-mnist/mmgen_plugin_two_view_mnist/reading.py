"""The files of two-view MNIST, each as it is: ``MNIST.mat``, and a pair of pickle files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmgen import DataError
from mmgen.data import read_matlab

from .unpickling import read_arrays

SIDE = 28
KEYS = {"train": ("X1", "X2", "trainLabel"), "val": ("XV1", "XV2", "tuneLabel"), "test": ("XTe1", "XTe2", "testLabel")}

Part = tuple[np.ndarray, np.ndarray, np.ndarray]  # view 1 and view 2, float32 [n, 28, 28], and digits int64 [n]


def read_matlab_views(path: Path) -> dict[str, Part]:
    """``MNIST.mat``; its label 10 means the digit 0."""
    content = read_matlab(path)
    names = [name for keys in KEYS.values() for name in keys]
    if missing := [name for name in names if name not in content]:
        raise DataError(f"{path} has no array {' and no '.join(missing)}; two-view MNIST has {', '.join(names)}.")
    parts = {}
    for side, (first_key, second_key, label) in KEYS.items():
        codes = _codes(content[label], f"{label} in {path}", range(1, 11))  # 10 is the digit 0
        parts[side] = (
            _images(content[first_key], f"{first_key} in {path}"),
            _images(content[second_key], f"{second_key} in {path}"),
            codes % 10,
        )
        for name, view in zip((first_key, second_key), parts[side]):
            _same_length(len(view), f"{name} of {path}", len(codes), f"{label} there")
    return parts


def read_pickle_views(paths: list[Path]) -> dict[str, Part]:
    """``noisymnist_view1.gz`` and ``noisymnist_view2.gz``; labels are 0 to 9, or 1 to 10 as in ``MNIST.mat``."""
    views = []
    for path in paths:
        content = read_arrays(path)
        if not isinstance(content, list) or [isinstance(pair, list) and len(pair) for pair in content] != [2, 2, 2]:
            raise DataError(
                f"{path} should hold three pairs of images and labels, for training, tuning and testing; it does not."
            )
        sides = {}
        for side, (images, labels) in zip(KEYS, content):
            where = f"the {side} part of {path}"
            last = 11 if np.max(labels, initial=0) == 10 else 10
            codes = _codes(labels, f"The labels in {where}", range(last - 10, last)) % 10
            sides[side] = (_images(images, f"The images in {where}"), codes)
            _same_length(len(sides[side][0]), f"the images of {where}", len(codes), "the labels of the same")
        views.append(sides)
    first_view, second_view = views
    for side in KEYS:
        _same_length(
            len(first_view[side][1]), f"the {side} part of {paths[0]}", len(second_view[side][1]), f"that of {paths[1]}"
        )
        if len(wrong := np.flatnonzero(first_view[side][1] != second_view[side][1])):
            row = wrong[0]
            raise DataError(
                f"Row {row + 1} of the {side} part is a {first_view[side][1][row]} in {paths[0]} and a "
                f"{second_view[side][1][row]} in {paths[1]}; both hold the same rows."
            )
    return {side: (first_view[side][0], second_view[side][0], first_view[side][1]) for side in KEYS}


def _images(values: Any, where: str) -> np.ndarray:
    """float32 ``[n, 28, 28]`` from ``[n, 784]`` in [0, 1]."""
    values = np.asarray(values)
    if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] != SIDE * SIDE or not len(values):
        raise DataError(
            f"{where} has shape {list(values.shape)} and type {values.dtype}; it should be [n, {SIDE * SIDE}] of "
            "numbers from 0 to 1."
        )
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):
        raise DataError(f"{where} has values from {low:g} to {high:g}; they should be from 0 to 1.")
    return values.astype(np.float32).reshape(-1, SIDE, SIDE)


def _codes(values: Any, where: str, allowed: range) -> np.ndarray:
    codes = np.asarray(values).reshape(-1)
    wrong = np.flatnonzero(~np.isin(codes, allowed))
    if codes.dtype.kind not in "fiu" or len(wrong):
        value = codes[wrong[0]] if len(wrong) else codes.dtype
        raise DataError(
            f"{where}: there is {value}; labels are {allowed[0]} to "
            f"{allowed[-1]}{', and 10 is the digit 0' if 10 in allowed else ''}."
        )
    return codes.astype(np.int64)


def _same_length(first_count: int, first: str, second_count: int, second: str) -> None:
    if first_count != second_count:
        raise DataError(
            f"There are {first_count:,} rows in {first}, and {second_count:,} in {second}; they are the same rows."
        )
