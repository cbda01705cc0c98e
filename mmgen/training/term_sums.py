"""Sums of an objective's terms over rows, and their means over all processes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch import Tensor

from ..models import Terms
from .guard import FiniteGuard

ADVERSARY = "adversary"


class TermSums:
    """Adds up the terms of batches without waiting for the device.

    Attributes:
        names: Of the terms, the loss last, before it what an adversary maximises, where there is one; known once the
            first batch was seen.
    """

    def __init__(self, accelerator: Accelerator, modalities: Iterable[str], *, adversary: bool = False) -> None:
        self.accelerator, self.modalities = accelerator, list(modalities)
        self.dtype = torch.float32 if accelerator.device.type == "mps" else torch.float64  # the widest there is
        self.adversary = [ADVERSARY] if adversary else []
        self.reset()

    def reset(self) -> None:
        """Forget the names: the terms of another stage may be others."""
        self.names: list[str] = []
        self._guard: FiniteGuard | None = None

    def of(self, terms: Terms, value: Tensor) -> Tensor:
        """All terms summed over rows ``[T + 1]``, in float64 where the device has it; the last is the number of rows.

        What an adversary maximises is 0 here; :meth:`of_adversary` has it.

        Args:
            terms: Of ``B`` rows.
            value: The objective of each row ``[B]``; the loss is its negative.
        """
        if not self.names:
            likelihoods = [f"log_likelihood.{name}" for name in self.modalities]
            self.names = [*likelihoods, "divergence", *terms.others, *self.adversary, "loss"]
            self._guard = FiniteGuard(self.names, self.accelerator.device)
        others = [term[None] for term in terms.others.values()]
        adversary = [torch.zeros_like(value)[None] for _ in self.adversary]
        per_row = torch.cat([terms.log_likelihood, terms.divergence[None], *others, *adversary, -value[None]])
        sums = per_row.detach().to(self.dtype).sum(-1)
        return torch.cat([sums, sums.new_full((1,), float(value.shape[0]))])

    def of_adversary(self, values: Tensor) -> Tensor:
        """What an adversary maximises ``[B]`` summed over rows, as the same ``[T + 1]``, 0 elsewhere."""
        sums = self.zero()
        sums[self.names.index(ADVERSARY)] = values.detach().to(self.dtype).sum()
        return sums

    def zero(self) -> Tensor:
        """No rows yet, ``[T + 1]``."""
        return torch.zeros(len(self.names) + 1, dtype=self.dtype, device=self.accelerator.device)

    def watch(self, sums: Tensor, step: int) -> None:
        """Remember whether the terms of a step are finite in all processes, so that all of them stop."""
        assert self._guard is not None
        self._guard.watch(self.accelerator.reduce(sums[:-1], "sum"), step)

    def check(self) -> None:
        """Stop where a term of the steps so far is not finite.

        Raises:
            NonFiniteError: The first such term and its step.
        """
        if self._guard is not None:
            self._guard.check()

    def means(self, totals: Tensor) -> dict[str, float]:
        """The sums ``[T + 1]`` of all processes as means per row, by name."""
        totals = self.accelerator.reduce(totals, "sum")
        return dict(zip(self.names, (totals[:-1] / totals[-1]).tolist(), strict=True))
