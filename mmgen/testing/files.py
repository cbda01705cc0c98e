"""Files of datasets, to write in tests and to spoil."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Splits, Table


def all_rows(splits: Splits) -> Table:
    """The rows of all three sides as one table, in the order of the files that they come from."""
    table = Table.concatenate([splits.train, splits.val, splits.test])
    assert table.rows is not None, "the rows have no numbers"
    return table.select(table.rows.argsort())


def exchange_files(one: Path, two: Path) -> None:
    """Each of two files has then the content of the other."""
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def edit_text(path: Path, old: str, new: str) -> None:
    """Write ``new`` in the place of ``old``, wherever it stands.

    Raises:
        AssertionError: It stands nowhere.
    """
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} does not hold {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit_array(path: Path, function: Callable[[NDArray[Any]], Any]) -> None:
    """Save what a function makes of the array of an ``.npy`` file."""
    np.save(path, function(np.load(path, allow_pickle=False)))


def set_entry(path: Path, index: Any, value: Any) -> None:
    """Change what the array of an ``.npy`` file has at an index, which may be a slice or a tuple."""
    array = np.load(path, allow_pickle=False)
    array[index] = value
    np.save(path, array)


def edit_matlab(path: Path, **values: Any) -> None:
    """Change arrays of a MATLAB file.

    Args:
        path: Of the file.
        **values: By the names of the arrays: the new array, a function of the old one, or None to leave it out.
    """
    from scipy.io import loadmat, savemat

    arrays = {name: array for name, array in loadmat(path).items() if not name.startswith("_")}
    for name, value in values.items():
        arrays[name] = value(arrays.get(name)) if callable(value) else value
    savemat(path, {name: array for name, array in arrays.items() if array is not None})


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write bytes in the IDX format of MNIST, compressed where the name ends in ``.gz``.

    The header is two zero bytes, the code of unsigned bytes (8), the number of dimensions, and the sizes as big-endian
    32-bit numbers.

    Args:
        path: Such as ``train-images-idx3-ubyte.gz``.
        values: Images ``[n, height, width]``, or codes ``[n]``.
    """
    header = bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
