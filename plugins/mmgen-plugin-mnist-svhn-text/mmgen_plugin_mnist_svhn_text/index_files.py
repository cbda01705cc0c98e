"""The index files in which a published pairing is kept: ``MNIST_SVHN/idx_{mnist,svhn}_{train,test}.npy``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmgen import DataError
from mmgen.data import read_npy
from mmgen_plugin_vision.pairings import check_pairing

from .pairing import Pairing

FOLDER = "MNIST_SVHN"
HALVES = ("mnist", "svhn")
PARTS = ("train", "test")


def find_index_files(root: Path | None) -> dict[tuple[str, str], Path]:
    """The four files by half and part; none of them where there is no published pairing in ``root``."""
    if root is None:
        return {}
    paths = {(half, part): root / FOLDER / f"idx_{half}_{part}.npy" for part in PARTS for half in HALVES}
    present = [path for path in paths.values() if path.is_file()]
    if present and len(present) < len(paths):
        missing = next(path for path in paths.values() if path not in present)
        raise DataError(
            f"There is no {missing.name} beside {present[0]}; a pairing is kept in four files, "
            f"idx_{{mnist,svhn}}_{{train,test}}.npy."
        )
    return paths if present else {}


def read_pairing(paths: Mapping[tuple[str, str], Path], part: str, digits: Mapping[str, np.ndarray]) -> Pairing:
    """The pairing of one part.

    Args:
        paths: What :func:`find_index_files` found.
        part: ``train`` or ``test``.
        digits: The digits of all images of this part, ``[n]``, by half.

    Raises:
        DataError: A file is damaged, of another length than its partner, points beyond the images, or joins different
            digits.
    """
    files = [paths[half, part] for half in HALVES]
    mnist, svhn = (_read(path) for path in files)
    check_pairing(
        (files[0], files[1]),
        (mnist, svhn),
        (digits["mnist"], digits["svhn"]),
        "; the files belong to the official images of MNIST and SVHN",
    )
    return Pairing(mnist, svhn)


def _read(path: Path) -> np.ndarray:
    values = read_npy(path)
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values):
        raise DataError(
            f"{path} holds {list(values.shape)} of {values.dtype}; it should be a list of whole numbers, one image per "
            "tuple."
        )
    return values.astype(np.int64)
