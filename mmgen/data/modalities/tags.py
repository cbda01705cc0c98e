"""Several yes/no answers at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ...distributions import Likelihood, make_likelihood
from .fully_connected import FullyConnected


class TagsModality(FullyConnected):
    """Several yes/no answers at once: a vector of 0 and 1."""

    likelihood: Literal["bernoulli"] = Field("bernoulli", description="p(x | z).")

    def make_likelihood(self) -> Likelihood:
        """Bernoulli."""
        return make_likelihood("bernoulli", self.shape)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Share of the answers that differ, after rounding."""
        return ((x.float() > 0.5) != (y.float() > 0.5)).flatten(1).float().mean(-1)
