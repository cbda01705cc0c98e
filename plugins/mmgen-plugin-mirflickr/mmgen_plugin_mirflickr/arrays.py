"""Arrays in files, with one sentence for whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from mmgen import DataError
from mmgen.data.npy import check_npz, read_npy, unreadable

from .pictures import FEATURES, TAGS


def read_features(path: Path) -> np.ndarray:
    """Features ``[n, 3857]``, memory-mapped."""
    values = read_npy(path, mapped=True)
    if values.ndim != 2 or values.shape[1] != FEATURES or values.dtype.kind != "f" or not len(values):
        raise DataError(
            f"{path} holds {list(values.shape)} of {values.dtype}; it should be [pictures, {FEATURES}] of numbers."
        )
    return values


def read_labels(path: Path, count: int) -> np.ndarray:
    """Labels 0 and 1, int64 ``[n, count]``."""
    values = read_npy(path)
    if values.ndim != 2 or values.shape[1] != count or values.dtype.kind not in "fiub":
        raise DataError(
            f"{path} holds {list(values.shape)} of {values.dtype}; it should be [pictures, {count}] of 0 and 1."
        )
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        raise DataError(
            f"{path} has {values[tuple(wrong[0])]:g} in row {wrong[0][0]}, column {wrong[0][1]}; labels are 0 or 1."
        )
    return values.astype(np.int64)


def read_rows(path: Path, count: int) -> np.ndarray:
    """Row numbers below ``count``, each once, sorted int64 ``[n]``."""
    values = read_npy(path).reshape(-1)
    if values.dtype.kind not in "fiu" or not np.array_equal(values, np.round(values)) or not len(values):
        raise DataError(
            f"{path} holds [{len(values)}] of {values.dtype}; it should be a list of whole numbers, one per picture."
        )
    rows = np.sort(values.astype(np.int64))
    outside = rows[(rows < 0) | (rows >= count)]
    if len(outside):
        raise DataError(f"{path} names picture {outside[0]}, and there are {count:,} numbered from 0.")
    if len(twice := rows[1:][np.diff(rows) == 0]):
        raise DataError(f"{path} names picture {twice[0]} twice.")
    return rows


def read_tags(path: Path) -> csr_matrix:
    """Tags of every picture, sparse ``[n, 2000]``.

    The file is an archive of ``data``, ``indices``, ``indptr`` and ``shape``.
    """
    try:
        check_npz(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            content = {name: archive[name] for name in ("data", "indices", "indptr", "shape") if name in archive}
    except Exception as error:  # whatever half an archive makes of itself
        raise unreadable(path, error, "archive of arrays") from error
    if missing := [name for name in ("data", "indices", "indptr", "shape") if name not in content]:
        raise DataError(
            f"{path} has no array {' and no '.join(missing)}; a sparse matrix has data, indices, indptr and shape."
        )
    shape = tuple(int(size) for size in content["shape"].reshape(-1))
    if len(shape) != 2 or shape[1] != TAGS:
        raise DataError(f"{path} holds a matrix {list(shape)}; it should be [pictures, {TAGS}].")
    try:
        matrix = csr_matrix((content["data"], content["indices"], content["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{path} is damaged: its four arrays do not make a sparse matrix of {shape[0]:,} pictures and {TAGS} tags."
        ) from error
    if len(matrix.data) and not matrix.data.min() >= 0:
        raise DataError(f"{path} has a tag {matrix.data.min():g} times in a picture; tags are counted from 0.")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
