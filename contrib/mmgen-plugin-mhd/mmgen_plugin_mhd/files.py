"""The official files of MHD: ``mhd_train.pt`` and ``mhd_test.pt``, tuples of six written by ``torch.save``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmgen import DataError

FILES = {"train": "mhd_train.pt", "test": "mhd_test.pt"}
MARKER = "STAND-IN"  # a file of this name says that the folder holds written digits
PAGE = "https://github.com/miguelsvasco/nexus_pytorch"
POINTS = 100  # of a trajectory: all of x, then all of y, which points down
STACKED = (3, 32, 32)  # a spectrogram in the files: three parts of 32 frames of 32 bands
SHAPES = {"image": (1, 28, 28), "trajectory": (2 * POINTS,), "sound": STACKED}
NUMPY = (  # what a number of NumPy is made of in a pickle, which runs nothing
    np.ndarray,
    np.dtype,
    np._core.multiarray.scalar,  # type: ignore[attr-defined]
    np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    *(type(np.dtype(kind)) for kind in (np.float32, np.float64)),
)


@dataclass(frozen=True)
class Part:
    """The rows of one file.

    Attributes:
        values: ``image`` ``[N, 1, 28, 28]``, ``trajectory`` ``[N, 200]`` and ``sound`` ``[N, 1, 32, 96]`` (bands,
            frames), float32.
        digits: Int64 ``[N]``.
        ranges: The numbers that 0 and 1 stand for, of ``trajectory`` and ``sound``, as far as the file says them.
    """

    values: dict[str, Tensor]
    digits: Tensor
    ranges: dict[str, list[float]]


def find_files(root: Path) -> dict[str, Path]:
    """The two files in a folder.

    Raises:
        DataError: One of them is not there.
    """
    for name in FILES.values():
        if not (root / name).is_file():
            raise DataError(f"There is no {name} in {root}; {PAGE} says where MHD is downloaded.")
    return {side: root / name for side, name in FILES.items()}


def read_part(path: Path) -> Part:
    """One file: labels, images, trajectories, sounds, and the ranges of the last two.

    Raises:
        DataError: It is damaged, or of another layout.
    """
    try:
        with torch.serialization.safe_globals(list(NUMPY)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever half an archive makes of itself
        raise DataError(f"{path} is truncated or damaged, or no file of MHD; copy it again.") from error
    if not isinstance(content, tuple | list) or len(content) != 6:
        raise DataError(
            f"{path} does not hold the six parts of MHD: labels, images, trajectories, sounds, and two ranges."
        )
    digits, *rows = (torch.as_tensor(each) for each in content[:4])
    values = dict(zip(SHAPES, rows, strict=True))
    for name, tensor in values.items():
        if tuple(tensor.shape) != (len(digits), *SHAPES[name]):
            raise DataError(
                f"{path} has {name} {list(tensor.shape)}; with its {len(digits)} labels it should be "
                f"{[len(digits), *SHAPES[name]]}."
            )
    if digits.ndim != 1 or digits.is_floating_point() or not len(digits) or digits.min() < 0 or digits.max() > 9:
        raise DataError(f"{path} has labels that are not digits from 0 to 9, one for each row.")
    for name, tensor in values.items():
        values[name] = tensor = tensor.float()
        if not (tensor.isfinite().all() and tensor.min() >= 0 and tensor.max() <= 1):
            raise DataError(f"{path} has values of {name} outside 0 to 1.")
    values["sound"] = unstack(values["sound"])
    return Part(values, digits.long(), {"trajectory": _range(content[4]), "sound": _range(content[5])})


def unstack(sound: Tensor) -> Tensor:
    """Spectrograms ``[N, 1, 32, 96]``, bands × frames, of parts ``[N, 3, 32, 32]`` that follow each other in time."""
    return sound.flatten(1, 2).transpose(1, 2)[:, None].contiguous()


def stack(sound: Tensor) -> Tensor:
    """The reverse of :func:`unstack`."""
    return sound[:, 0].transpose(1, 2).reshape(-1, *STACKED).contiguous()


def _range(value: Any) -> list[float]:
    """Smallest and largest number, where the file has a mapping of ``min`` and ``max``."""
    try:
        return [float(value["min"]), float(value["max"])]
    except (TypeError, KeyError, IndexError, ValueError):
        return []
