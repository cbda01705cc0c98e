"""Rows gathered from a smaller tensor (ten captions share an image, twenty tuples share a digit), and what is common to
all kinds of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from .spacious import spacious_rows
from .sparse import Sparse
from .stored import Stored


@dataclass(frozen=True)
class Indexed(Stored):
    """``N`` rows of which row i is ``values[index[i]]``.

    It stands where a table wants a tensor ``[N, *shape]``, and needs the memory of ``values``.

    Attributes:
        values: ``[n, *shape]``.
        index: Row of ``values`` for every row, ``[N]``.

    >>> import torch
    >>> from mmgen import Indexed
    >>> captions = Indexed(torch.tensor([[1.0], [2.0]]), torch.tensor([0, 0, 1]))
    >>> captions.shape, captions[:].squeeze(1)
    (torch.Size([3, 1]), tensor([1., 1., 2.]))
    """

    values: Tensor
    index: Int[Tensor, " N"]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: int | slice | Tensor | list[int]) -> Tensor:
        """The rows themselves; ``[:]`` gives all of them as one tensor."""
        index = self.index[rows]
        return self.values.index_select(0, index) if index.dim() == 1 else self.values[index]

    @property
    def shape(self) -> torch.Size:
        """``[N, *shape]``."""
        return torch.Size((len(self.index), *self.values.shape[1:]))

    def select(self, rows: slice | Tensor) -> Indexed:
        """Some of the rows; values that none of them uses are let go."""
        used, index = self.index[rows].unique(return_inverse=True)
        return (
            Indexed(self.values[used], index)
            if len(used) < len(self.values)
            else Indexed(self.values, self.index[rows])
        )

    def to(self, device: torch.device | str) -> Indexed:
        """The same on another device."""
        return Indexed(self.values.to(device, non_blocking=True), self.index.to(device, non_blocking=True))


Rows = Tensor | Indexed | Sparse


def select(values: Rows, rows: Tensor) -> Rows:
    """Some rows of any kind, of the same kind."""
    return spacious_rows(values, rows) if isinstance(values, Tensor) else values.select(rows)


def positions(rows: slice | Tensor | list[int], of: Tensor) -> slice | Int[Tensor, " B"]:
    """What chooses some of the rows ``of`` a tensor, for :func:`take`.

    A slice stays as it is; a mask, and numbers that count from the end, become numbers from 0.
    """
    if isinstance(rows, slice):
        return rows
    index = torch.as_tensor(rows, device=of.device)
    if index.dtype == torch.bool:
        return index.nonzero().squeeze(1)
    index = index.long()
    return torch.where(index < 0, index + len(of), index)


def take(values: Rows, rows: slice | Int[Tensor, " B"]) -> Tensor:
    """The rows at :func:`positions`.

    ``index_select`` is many times as quick as indexing, and this is done in every step.
    """
    return values.index_select(0, rows) if isinstance(values, Tensor) and isinstance(rows, Tensor) else values[rows]


def concatenate(blocks: Sequence[Rows]) -> Rows:
    """Parts one after the other; of one kind where all of them are of it."""
    sparse = [block for block in blocks if isinstance(block, Sparse)]
    if len(sparse) == len(blocks):
        return Sparse.concatenate(sparse)
    indexed = [block for block in blocks if isinstance(block, Indexed)]
    if len(indexed) < len(blocks):
        return torch.cat([block[:] for block in blocks])
    starts = itertools.accumulate((len(block.values) for block in indexed), initial=0)
    index = torch.cat([block.index + start for block, start in zip(indexed, starts, strict=False)])
    return Indexed(torch.cat([block.values for block in indexed]), index)


def stored(values: Rows, name: str) -> dict[str, Tensor]:
    """The tensors of rows by their names in a file, those of a modality ``name``."""
    if isinstance(values, Indexed):
        parts = {"data": values.values, "index": values.index}
    elif isinstance(values, Sparse):
        parts = {"data": values.values, "starts": values.starts, "places": values.places}
        parts["shape"] = torch.tensor(values.shape)
    else:
        parts = {"data": values}
    return {f"{part}/{name}": tensor.contiguous() for part, tensor in parts.items()}


def from_stored(tensors: Mapping[str, Tensor], name: str) -> Rows:
    """What :func:`stored` wrote."""
    values = tensors[f"data/{name}"]
    if f"index/{name}" in tensors:
        return Indexed(values, tensors[f"index/{name}"])
    if f"starts/{name}" in tensors:
        shape = torch.Size(tensors[f"shape/{name}"].tolist())
        return Sparse(tensors[f"starts/{name}"], tensors[f"places/{name}"], values, shape)
    return values


PARTS = ("data", "index", "starts", "places", "shape")  # of rows in a file
