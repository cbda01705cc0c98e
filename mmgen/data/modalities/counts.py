"""Counts."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ...distributions.likelihoods import Support
from ...networks import MLPTrunk
from ..likelihood_choice import LikelihoodChoice
from .fully_connected import LIKELIHOOD, Cellwise


class _Log1pTrunk(MLPTrunk):
    """A multilayer perceptron that sees log(1 + x)."""

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, *shape]`` to ``[N, features]``."""
        return super().forward(torch.log1p(x.clamp(min=0)), beside)


class CountsModality(Cellwise):
    """Counts: non-negative whole numbers, seen by the encoder as log(1 + x).

    >>> import torch
    >>> from mmgen import CountsModality
    >>> reads = CountsModality(shape=(3,), likelihood="poisson", hidden=(16,))
    >>> reads.trunk(latent_dim=2)(torch.tensor([[0.0, 7.0, 1.0]])).shape
    torch.Size([1, 16])
    """

    supports: ClassVar[tuple[Support, ...]] = ("counts",)

    likelihood: LikelihoodChoice = Field("negative-binomial", description=LIKELIHOOD, validate_default=True)

    def trunk(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron of log(1 + x)."""
        return _Log1pTrunk(self._input_shape, self.hidden, self.activation, self._dropout, self._linear_path)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of log(1 + x)."""
        return _Log1pTrunk(self.shape, (256, 128), "relu", 0.3)
