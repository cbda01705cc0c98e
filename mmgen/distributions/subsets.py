"""Subsets of modalities as masks: the powerset, and unbiased draws from it where it is too large to list."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from .random import uniform_noise


def powerset(modalities: int, device: torch.device | None = None) -> Bool[Tensor, "S M"]:
    """All 2^M − 1 non-empty subsets, smaller ones first, in lexicographic order within a size."""
    numbers = torch.arange(1, 2**modalities, device=device)
    masks = ((numbers[:, None] >> torch.arange(modalities, device=device)) & 1).bool()
    size = masks.sum(-1)
    order = (masks.to(torch.int64) * (1 << torch.arange(modalities - 1, -1, -1, device=device))).sum(-1)
    return masks[torch.argsort(size * 2**modalities - order)]


def sampled_subsets(available: Bool[Tensor, "B M"], count: int) -> Bool[Tensor, "S B M"]:
    """``count`` independent draws per row, uniform over the non-empty subsets of what that row has.

    A number drawn uniformly from 1 … 2^a − 1 (a: how many the row has) is read as bits over the row's own modalities. A
    row that has nothing gets empty subsets.
    """
    have = available.sum(-1)
    draw = uniform_noise((count, available.shape[0]), torch.zeros((), dtype=torch.float64, device=available.device))
    subsets = 2 ** have.to(torch.int64) - 1
    number = 1 + torch.minimum((draw * subsets).to(torch.int64), (subsets - 1).clamp(min=0))
    rank = (available.to(torch.int64).cumsum(-1) - 1).clamp(min=0)
    bit = torch.where(available, 1 << rank, 0)
    return (number[..., None] & bit) != 0
