"""Arrays that may be larger than the memory: beyond a size they are on the disk, where the cache is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .cache_place import cache_root, not_writable

LARGE = 2**28  # bytes, from which an array is on the disk
AT_ONCE = 2**24  # bytes that are copied between such arrays at a time


def spacious(shape: Sequence[int], kind: Any) -> np.ndarray:
    """An array of zeros, or of False, that no memory is needed for where it is large.

    It is then a file without a name, which is gone with the array, or with the process that is killed. The space is
    reserved: a disk that is full is an error here, and no crash where the array is written.

    Args:
        shape: Of the array.
        kind: Its type of numbers.

    Raises:
        MmgenError: There is no space for it, or the folder of the cache cannot be written.
    """
    size = prod(shape) * np.dtype(kind).itemsize
    if size < LARGE or not hasattr(os, "posix_fallocate"):
        return np.zeros(shape, kind)
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.asarray(np.memmap(file, kind, "r+", shape=tuple(shape)))
    except OSError as error:
        raise not_writable(root, error) from error


def spacious_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Some rows of a tensor of the processor, as another one."""
    size = len(rows) * values[:1].nbytes
    if values.device.type != "cpu" or size < LARGE or rows.dtype == torch.bool:
        return values[rows]
    taken = torch.from_numpy(spacious((len(rows), *values.shape[1:]), values[:1].numpy().dtype))
    step = max(1, AT_ONCE // max(1, values[:1].nbytes))
    for some, place in zip(rows.split(step), taken.split(step), strict=True):
        torch.index_select(values, 0, some, out=place)
    return taken
