"""Sums of an objective's terms over rows, and their means over all processes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch import Tensor

from ..models import Terms
from .guard import FiniteGuard


class TermSums:
    """Adds up the terms of batches without waiting for the device.

    Attributes:
        names: Of the terms, the loss last; known once the first batch was seen.
    """

    def __init__(self, accelerator: Accelerator, modalities: Iterable[str]) -> None:
        self.accelerator, self.modalities = accelerator, list(modalities)
        self.reset()

    def reset(self) -> None:
        """Forget the names: the terms of another stage may be others."""
        self.names: list[str] = []
        self._guard: FiniteGuard | None = None

    def of(self, terms: Terms, value: Tensor) -> Tensor:
        """All terms summed over rows, ``[T + 1]`` in float64; the last is the number of rows.

        Args:
            terms: Of ``B`` rows.
            value: The objective of each row ``[B]``; the loss is its negative.
        """
        if not self.names:
            likelihoods = [f"log_likelihood.{name}" for name in self.modalities]
            self.names = [*likelihoods, "divergence", *terms.others, "loss"]
            self._guard = FiniteGuard(self.names, self.accelerator.device)
        others = [term[None] for term in terms.others.values()]
        per_row = torch.cat([terms.log_likelihood, terms.divergence[None], *others, -value[None]])
        sums = per_row.detach().double().sum(-1)
        return torch.cat([sums, sums.new_full((1,), float(value.shape[0]))])

    def zero(self) -> Tensor:
        """No rows yet, ``[T + 1]``."""
        return torch.zeros(len(self.names) + 1, dtype=torch.float64, device=self.accelerator.device)

    def watch(self, sums: Tensor, step: int) -> None:
        """Remember whether the terms of a step are finite."""
        assert self._guard is not None
        self._guard.watch(sums[:-1], step)

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
