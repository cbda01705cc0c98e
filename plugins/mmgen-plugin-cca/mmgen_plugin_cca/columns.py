"""The values of a modality as columns of numbers, for linear methods."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmgen import CountsModality, Modality
from mmgen.distributions import LIKELIHOODS
from mmgen.networks import OneHot


class Columns(nn.Module):
    """Prepared values ``[B, *shape]`` to ``[B, count]``, as an encoder of the modality sees them.

    Vectors are standardised (unless the modality says otherwise), images are in [0, 1], integer codes are one-hot, and counts are log(1 + x).
    """

    def __init__(self, modality: Modality) -> None:
        super().__init__()
        likelihood = modality.make_likelihood()
        self.count = math.prod(modality.shape)
        self.change: nn.Module = _Log1p() if isinstance(modality, CountsModality) else nn.Identity()
        if isinstance(likelihood, LIKELIHOODS["categorical"]):
            self.count *= likelihood.outputs
            self.change = OneHot(likelihood.outputs)

    def forward(self, x: Tensor) -> Float[Tensor, "B _"]:
        """The columns."""
        return self.change(x).flatten(1)


class _Log1p(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.log1p(x.clamp(min=0))
