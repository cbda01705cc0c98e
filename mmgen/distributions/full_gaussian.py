"""Gaussians whose dimensions are correlated, kept as mean and a factor of the covariance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .gaussian import choose
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
        difference = z - self.mean
        lead = difference.dim() - self.mean.dim()
        columns = difference.flatten(0, lead - 1).movedim(0, -1) if lead > 0 else difference[..., None]
        factor = self.factor.expand(*columns.shape[:-1], columns.shape[-2])
        squares = torch.linalg.solve_triangular(factor, columns, upper=False).square().sum(-2)  # [*batch, draws]
        squares = squares.movedim(-1, 0).unflatten(0, difference.shape[:lead]) if lead > 0 else squares[..., 0]
        log_scale = self.factor.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
        return -0.5 * (squares + z.shape[-1] * math.log(2 * math.pi)) - log_scale

    def map(self, change: Callable[[Tensor], Tensor]) -> FullGaussian:
        """The same change of shape (or place) for the mean and each column of the factor."""
        columns = [change(column) for column in self.factor.unbind(-1)]
        return FullGaussian(change(self.mean), torch.stack(columns, -1))

    def __getitem__(self, index: Any) -> FullGaussian:
        """Some of them."""
        return self.map(lambda value: value[index])

    def choose(self, chosen: Int[Tensor, "*any B"]) -> FullGaussian:
        """Of Gaussians ``[..., C, B, D]`` one per row: :func:`.gaussian.choose`."""
        return self.map(lambda value: choose(value, chosen))
