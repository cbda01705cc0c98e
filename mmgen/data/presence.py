"""Which rows of a batch have each modality, by number."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Presence:
    """The numbers of the rows that networks see.

    How many these are decides the shapes of a step, so they are read on the CPU before a batch is moved: a step that
    asked a GPU would wait for it.

    Attributes:
        available: The mask ``Bool[B, M]`` that this was read from.
        having: For each modality the numbers ``[n]`` of the rows that have it, on the mask's device; None where all do.
        complete: The numbers of the rows that have every modality; None where all do.
        gathers: Whether networks see these rows alone. Otherwise they see all, with zeros in the place of what is not
            there, and numbers are looked at no further than whether they are None: batches of several trainings, which
            have other numbers each, go through networks in one pass.
    """

    available: Bool[Tensor, "B M"]
    having: tuple[Int[Tensor, " n"] | None, ...]
    complete: Int[Tensor, " n"] | None
    gathers: bool = True

    @classmethod
    def read(cls, available: Bool[Tensor, "B M"]) -> Presence:
        """What a mask says."""
        everywhere = available.all(0).tolist()
        having = tuple(None if all_do else _numbers(available[:, m]) for m, all_do in enumerate(everywhere))
        return cls(available, having, None if all(everywhere) else _numbers(available.all(1)))

    def beside(self, available: Bool[Tensor, "B M"]) -> Presence:
        """The same beside the same mask on another device: one copy, for which nothing waits."""
        indices = [numbers for numbers in (*self.having, self.complete) if numbers is not None]
        if not indices:
            return Presence(available, self.having, None)
        moved = iter(
            torch.cat(indices).to(available.device, non_blocking=True).split([len(index) for index in indices])
        )
        *having, complete = (None if numbers is None else next(moved) for numbers in (*self.having, self.complete))
        return Presence(available, tuple(having), complete)


def _numbers(mask: Bool[Tensor, " B"]) -> Int[Tensor, " n"]:
    return mask.nonzero().squeeze(1)
