"""Which rows a step sees: a function of seed, epoch and step alone, so that a resumed or distributed training sees the
same.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from ..distributions.random import Share


def derived_seed(*parts: int | str) -> int:
    """A seed that is a fixed function of its parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def epoch_order(rows: int, seed: int, epoch: int) -> Tensor:
    """A permutation of the rows for one epoch."""
    generator = torch.Generator().manual_seed(derived_seed("order", seed, epoch))
    return torch.randperm(rows, generator=generator)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """The order cut into batches; a last batch of a single row is left out of this epoch, since statistics over it are
    undefined.
    """
    cut = list(order.split(size))
    return cut[:-1] if len(cut) > 1 and len(cut[-1]) == 1 else cut


def shares(rows: int, process: int, processes: int, microbatches: int) -> list[Share]:
    """The parts of a batch of ``rows`` that one process works on, one after the other; as many for every process."""
    start, stop = rows * process // processes, rows * (process + 1) // processes
    own = stop - start
    return [
        Share(start + own * part // microbatches, start + own * (part + 1) // microbatches, rows)
        for part in range(microbatches)
    ]
