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


def subsets_within(
    given: Bool[Tensor, "*lead B M"], most: int
) -> tuple[Bool[Tensor, "*lead S B M"], Bool[Tensor, "*lead S B"]]:
    """Non-empty subsets of what each row is given, and which of them it can have: a mixture is uniform over these.

    All S = 2^M − 1 subsets are listed in the order of :func:`powerset`, each without what a row lacks, if they are not
    more than ``most``; otherwise ``most`` of what a row is given are drawn for each row, and it can have all of them.
    """
    modalities = given.shape[-1]
    if 2**modalities - 1 > most:
        rows = given.reshape(-1, modalities)
        subsets = sampled_subsets(rows, most).reshape(-1, *given.shape).movedim(0, -3)
        return subsets, torch.ones(subsets.shape[:-1], dtype=torch.bool, device=given.device)
    listed = powerset(modalities, given.device)
    subsets = listed[:, None].expand(*given.shape[:-2], -1, *given.shape[-2:])
    if not _is_known_to_be_all(given):
        subsets = subsets & given.unsqueeze(-3)
    lacking = listed.float() @ (~given).float().transpose(-1, -2)  # how many members of each subset each row lacks
    return subsets, lacking == 0


def _is_known_to_be_all(given: Bool[Tensor, "*lead B M"]) -> bool:
    """Whether a mask gives everything, where that can be asked: a GPU would have to be waited for, and of masks that
    are mapped over there is not one answer.
    """
    try:
        return given.device.type == "cpu" and bool(given.all())
    except RuntimeError:
        return False
