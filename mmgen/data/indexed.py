"""Rows gathered from a smaller tensor: ten captions share an image, twenty tuples share a digit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Indexed:
    """``N`` rows of which row i is ``values[index[i]]``: stands where a table wants a tensor ``[N, *shape]``, and needs the memory of ``values``.

    Attributes:
        values: ``[n, *shape]``.
        index: Row of ``values`` for every row, ``[N]``.
    """

    values: Tensor
    index: Int[Tensor, " N"]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: int | slice | Tensor | list[int]) -> Tensor:
        """The rows themselves; ``[:]`` gives all of them as one tensor."""
        return self.values[self.index[rows]]

    @property
    def shape(self) -> torch.Size:
        """``[N, *shape]``."""
        return torch.Size((len(self.index), *self.values.shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""
        return self.values.dtype

    def is_floating_point(self) -> bool:
        """Whether the values are."""
        return self.values.is_floating_point()

    def select(self, rows: slice | Tensor) -> Indexed:
        """Some of the rows; values that none of them uses are let go."""
        used, index = self.index[rows].unique(return_inverse=True)
        return Indexed(self.values[used], index) if len(used) < len(self.values) else Indexed(self.values, self.index[rows])

    def to(self, device: torch.device | str) -> Indexed:
        """The same on another device."""
        return Indexed(self.values.to(device, non_blocking=True), self.index.to(device, non_blocking=True))


Rows = Tensor | Indexed


def select(values: Rows, rows: Tensor) -> Rows:
    """Some rows of either kind, of the same kind."""
    return values.select(rows) if isinstance(values, Indexed) else values[rows]


def concatenate(parts: Sequence[Rows]) -> Rows:
    """Parts one after the other."""
    gathered = [part for part in parts if isinstance(part, Indexed)]
    if len(gathered) < len(parts):
        return torch.cat([part[:] for part in parts])
    starts = itertools.accumulate((len(part.values) for part in gathered), initial=0)
    index = torch.cat([part.index + start for part, start in zip(gathered, starts, strict=False)])
    return Indexed(torch.cat([part.values for part in gathered]), index)
