"""Gaussians whose dimensions are correlated, kept as mean and a factor of the covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .random import normal_noise


@dataclass(frozen=True)
class FullGaussian:
    """N(μ, L Lᵀ): ``mean`` ``[..., B, D]`` and the lower triangular ``factor`` L ``[..., B, D, D]``."""

    mean: Float[Tensor, "*batch D"]
    factor: Float[Tensor, "*batch D D"]

    @property
    def covariance(self) -> Float[Tensor, "*batch D D"]:
        """L Lᵀ."""
        return self.factor @ self.factor.mT

    @property
    def variance(self) -> Float[Tensor, "*batch D"]:
        """The diagonal of L Lᵀ."""
        return self.factor.square().sum(-1)

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_batch D"]:
        """Reparameterised samples μ + L ε, ``[*samples, ..., B, D]``."""
        noise = normal_noise((*samples, *self.mean.shape), self.mean)
        return self.mean + torch.einsum("...ij,...j->...i", self.factor, noise)

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """log N(z; μ, L Lᵀ)."""
        difference = (z - self.mean)[..., None]
        factor = self.factor.expand(*difference.shape[:-2], *self.factor.shape[-2:])
        whitened = torch.linalg.solve_triangular(factor, difference, upper=False)[..., 0]
        log_scale = self.factor.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
        return -0.5 * (whitened.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi)) - log_scale

    def __getitem__(self, index: Any) -> FullGaussian:
        """Some rows."""
        return FullGaussian(self.mean[index], self.factor[index])
