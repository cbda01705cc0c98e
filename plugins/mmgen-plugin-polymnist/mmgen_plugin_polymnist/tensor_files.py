"""The official images as tensors: ``{train,test}/m{k}.pt`` of ``[N, 3, 28, 28]`` and ``labels.pt`` beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmgen import DataError
from mmgen.data.npy import check_archive

from .construction import SIDE

CHUNK = 4096  # images at a time


class TensorFolder:
    """The images of a folder in the tensor layout, row by row as they are."""

    def __init__(self, root: Path, modalities: int) -> None:
        self.root, self.modalities = root, modalities
        self.count: dict[str, int] = {}

    @staticmethod
    def is_layout(root: Path) -> bool:
        """Whether ``root`` looks like one."""
        return (root / "train" / "m0.pt").is_file()

    def sources(self) -> list[Path]:
        """All files."""
        names = ("labels.pt", *(f"m{m}.pt" for m in range(self.modalities)))
        return [self.root / split / name for split in ("train", "test") for name in names]

    def digits(self, split: str) -> np.ndarray:
        """The digit of every tuple, ``[N]``."""
        path = self.root / split / "labels.pt"
        labels = _load(path)
        if isinstance(labels, list):
            labels = torch.tensor(labels)
        if not isinstance(labels, Tensor) or labels.dim() != 1 or labels.is_complex() or not len(labels):
            raise DataError(f"{path} should hold one digit per tuple, and holds {_describe(labels)}.")
        wrong = ~torch.isin(labels, torch.arange(10, dtype=labels.dtype))
        if wrong.any():
            row = int(wrong.nonzero()[0])
            raise DataError(f"{path} has the label {labels[row].item()} in row {row}; labels are 0 to 9.")
        self.count[split] = len(labels)
        return labels.long().numpy()

    def images(self, split: str, m: int, rows: np.ndarray) -> np.ndarray:
        """Images uint8 ``[n, 3, 28, 28]`` of the tuples at ``rows``, after :meth:`digits`."""
        path = self.root / split / f"m{m}.pt"
        values = _load(path)
        if not isinstance(values, Tensor) or values.shape[1:] != (3, SIDE, SIDE) or values.is_complex():
            raise DataError(f"{path} should hold images [N, 3, {SIDE}, {SIDE}], and holds {_describe(values)}.")
        if len(values) != self.count[split]:
            raise DataError(
                f"{path} has {len(values)} images, and labels.pt beside it has {self.count[split]} labels; one "
                "belongs to each."
            )
        chunks = torch.from_numpy(rows).split(CHUNK)  # or numbers of 32 bits would be there twice
        return torch.cat([self._bytes(values[chunk], path) for chunk in chunks]).numpy()

    @staticmethod
    def _bytes(values: Tensor, path: Path) -> Tensor:
        """Bytes, or numbers from 0 to 1 as bytes."""
        if values.dtype == torch.uint8:
            return values
        values = values.float()
        if not (values.isfinite().all() and values.min() >= 0 and values.max() <= 1):
            raise DataError(f"{path} has values outside 0 to 1; images are bytes, or numbers from 0 to 1.")
        return values.mul_(255).round_().byte()


def _load(path: Path) -> Any:
    """What a file holds, as data only: code in it is never run."""
    if not path.is_file():
        raise DataError(
            f"There is no {path}; m0.pt, m1.pt, … and labels.pt belong there, as many as dataset.modalities says."
        )
    try:
        check_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever half an archive makes of itself
        raise DataError(f"{path} is truncated or damaged, or no file of tensors written by torch.save.") from error


def _describe(value: Any) -> str:
    return (
        f"a tensor {list(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    )
