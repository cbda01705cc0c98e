"""Rows most of whose values are zero: only the others are stored, and a batch is made dense when it is gathered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from .stored import Stored

AT_ONCE = 2**22  # stored values that are float64, or rows' values that are dense, at any time


@dataclass(frozen=True)
class Sparse(Stored):
    """``N`` rows in compressed form: row i has ``values[starts[i]:starts[i + 1]]`` at ``places``, and zeros elsewhere.

    It stands where a table wants a tensor ``[N, *shape]``; what is gathered from it is dense. ``starts`` is on the CPU
    wherever the values are, so that a gather on a GPU waits for nothing.

    Attributes:
        starts: Where each row begins in ``values``, and where the last one ends, ``[N + 1]``.
        places: Of every stored value in its flattened row, ascending in each, ``[n]``.
        values: ``[n]``, none of them 0.
        shape: ``[N, *shape]``.

    >>> import scipy.sparse
    >>> from mmgen import Sparse
    >>> counts = Sparse.of(scipy.sparse.csr_array([[0, 2, 0], [1, 0, 0]]))
    >>> counts.shape, counts[:]
    (torch.Size([2, 3]), tensor([[0., 2., 0.],
            [1., 0., 0.]]))
    """

    starts: Int[Tensor, " N+1"]
    places: Int[Tensor, " n"]
    values: Tensor
    shape: torch.Size

    @classmethod
    def of(cls, matrix: Any, shape: Sequence[int] | None = None) -> Sparse:
        """Of a SciPy matrix ``[N, W]``, as float32; ``shape`` is that of a row where it has more than one dimension."""
        compressed = matrix.tocsr()
        if compressed is matrix or not compressed.has_canonical_format or (compressed.data == 0).any():
            compressed = compressed.copy()
            compressed.sum_duplicates()
            compressed.eliminate_zeros()
        count, width = compressed.shape
        return cls(
            torch.from_numpy(compressed.indptr.astype(np.int64)),
            torch.from_numpy(compressed.indices.astype(np.int32)),
            torch.from_numpy(compressed.data.astype(np.float32)),
            torch.Size((count, *((width,) if shape is None else shape))),
        )

    @classmethod
    def zeros(cls, shape: Sequence[int]) -> Sparse:
        """Nothing but zeros, ``[N, *shape]``."""
        starts = torch.zeros(shape[0] + 1, dtype=torch.int64)
        return cls(starts, torch.zeros(0, dtype=torch.int32), torch.zeros(0), torch.Size(shape))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, rows: int | slice | Tensor | list[int]) -> Tensor:
        """The rows themselves, dense; ``[:]`` gives all of them as one tensor."""
        if isinstance(rows, int):
            return self[[rows]].squeeze(0)
        index = torch.arange(len(self))[rows] if isinstance(rows, slice) else _numbers(rows)
        stored, lengths = self._stored(index)
        row = torch.repeat_interleave(torch.arange(len(index)) * self.width, lengths, output_size=len(stored))
        device = self.device
        dense = torch.zeros(len(index) * self.width, dtype=self.dtype, device=device)
        taken = stored.to(device, non_blocking=True)
        cells = row.to(device, non_blocking=True) + self.places.index_select(0, taken)
        dense[cells] = self.values.index_select(0, taken)
        return dense.reshape(len(index), *self.shape[1:])

    @property
    def width(self) -> int:
        """Values of one row."""
        return math.prod(self.shape[1:])

    def select(self, rows: slice | Tensor) -> Sparse:
        """Some of the rows, as sparse as they are."""
        index = torch.arange(len(self))[rows] if isinstance(rows, slice) else _numbers(rows)
        stored, lengths = self._stored(index)
        taken = stored.to(self.device)
        shape = torch.Size((len(index), *self.shape[1:]))
        return Sparse(_starts(lengths), self.places.index_select(0, taken), self.values.index_select(0, taken), shape)

    def to(self, device: torch.device | str) -> Sparse:
        """The same on another device, but for the starts."""
        places, values = (each.to(device, non_blocking=True) for each in (self.places, self.values))
        return Sparse(self.starts, places, values, self.shape)

    def blocks(self) -> Iterator[Tensor]:
        """All rows in order, dense, so many at a time that they take little memory."""
        size = max(1, AT_ONCE // max(1, self.width))
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def totals(self) -> Tensor:
        """The sum of every row, float64 ``[N]``."""
        running = np.zeros(len(self.values) + 1)
        np.cumsum(self.values.cpu().numpy(), dtype=np.float64, out=running[1:])
        return torch.from_numpy(np.diff(running[self.starts.numpy()]))

    def sums(self) -> Tensor:
        """The sum of every value over the rows, float64 ``[*shape]``."""
        return self._over_rows(lambda values, places: values)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of every value over the rows, zeros included, float64 ``[*shape]`` each."""
        count = max(len(self), 1)
        mean = self.sums() / count
        flat = mean.flatten().numpy()
        # Σ (x − m)² is that of the stored values, and m² for each of the others
        spread = self._over_rows(lambda values, places: np.square(values - flat[places]) - np.square(flat[places]))
        return mean, (spread / count + mean.square()).clamp(min=0).sqrt()

    def _over_rows(self, what: Any) -> Tensor:
        sums = np.zeros(self.width)
        for start in range(0, len(self.values), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            places = self.places[some].cpu().numpy()
            values = what(self.values[some].cpu().numpy().astype(np.float64), places)
            sums += np.bincount(places, values, minlength=self.width)
        return torch.from_numpy(sums).reshape(self.shape[1:])

    def _stored(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Where the values of some rows are stored, one row after the other, and how many each has."""
        first = self.starts[index]
        lengths = self.starts[index + 1] - first
        before = lengths.cumsum(0) - lengths
        total = int(lengths.sum())
        shift = torch.repeat_interleave(first - before, lengths, output_size=total)
        return torch.arange(total) + shift, lengths

    @staticmethod
    def concatenate(blocks: Sequence[Sparse]) -> Sparse:
        """Parts one after the other."""
        ends = itertools.accumulate((len(block.values) for block in blocks), initial=0)
        starts = [block.starts[:-1] + end for block, end in zip(blocks, ends, strict=False)]
        count = sum(map(len, blocks))
        return Sparse(
            torch.cat([*starts, torch.tensor([sum(len(block.values) for block in blocks)])]),
            torch.cat([block.places for block in blocks]),
            torch.cat([block.values for block in blocks]),
            torch.Size((count, *blocks[0].shape[1:])),
        )


def _numbers(rows: Tensor | list[int]) -> Tensor:
    index = torch.as_tensor(rows).cpu()
    return index.nonzero().squeeze(1) if index.dtype == torch.bool else index.long()


def _starts(lengths: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
