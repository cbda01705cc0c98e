"""What an objective says about each row of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """The terms of an objective for each row: Σ_m log_likelihood − β · divergence + Σ others is maximised.

    Attributes:
        log_likelihood: ``[M, B]``: each modality's (weighted) reconstruction term, 0 where it is missing.
        divergence: ``[B]``: everything that β multiplies.
        others: Further terms ``[B]`` by name, each added as it is.
    """

    log_likelihood: Float[Tensor, "M B"]
    divergence: Float[Tensor, " B"]
    others: Mapping[str, Float[Tensor, " B"]] = field(default_factory=dict)

    def value(self, beta: float | Float[Tensor, ""]) -> Float[Tensor, " B"]:
        """What is maximised, per row; the weight is a tensor where steps of several trainings are made in one pass."""
        return self.log_likelihood.sum(0) - beta * self.divergence + sum(self.others.values())
