"""Yes/no answers."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .likelihood import Likelihood
from .supports import Support


class Bernoulli(Likelihood):
    """Bernoulli with the decoder's output as logits."""

    support: ClassVar[Support] = "binary"
    discrete = True

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """x log p + (1 − x) log(1 − p)."""
        logits = self.output(parameters, 0)
        return x * logits - F.softplus(logits)

    def mean(self, parameters: Tensor) -> Tensor:
        """The probability."""
        return self.output(parameters, 0).sigmoid()

    def variance(self, parameters: Tensor) -> Tensor:
        """p (1 − p)."""
        probability = self.mean(parameters)
        return probability * (1 - probability)

    def sample(self, parameters: Tensor) -> Tensor:
        """0 or 1."""
        return torch.bernoulli(self.mean(parameters))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """1 where the answer is no with a probability below ``p``."""
        probability = self.mean(parameters)
        return (1 - probability < p).to(probability.dtype)
