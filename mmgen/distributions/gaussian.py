"""Stacked diagonal Gaussians, kept as mean and log-variance.

Shapes: a Gaussian over a latent space of ``D`` dimensions is ``[..., B, D]``; the experts of M modalities are ``[M, B,
D]``. Everything here sums over ``D`` and keeps every other dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from .random import normal_noise

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Gaussian:
    """Diagonal Gaussians: ``mean`` and ``log_variance``, each ``[..., B, D]``."""

    mean: Float[Tensor, "*batch D"]
    log_variance: Float[Tensor, "*batch D"]

    @property
    def variance(self) -> Float[Tensor, "*batch D"]:
        """The variance σ²."""
        return self.log_variance.exp()

    @property
    def scale(self) -> Float[Tensor, "*batch D"]:
        """The standard deviation σ."""
        return (0.5 * self.log_variance).exp()

    @property
    def precision(self) -> Float[Tensor, "*batch D"]:
        """The precision 1/σ²."""
        return (-self.log_variance).exp()

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_batch D"]:
        """Reparameterised samples μ + σ ε, ``[*samples, ..., B, D]``."""
        return self.mean + self.scale * normal_noise((*samples, *self.mean.shape), self.mean)

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """log N(z; μ, σ²), summed over the latent dimensions."""
        return -0.5 * (LOG_2PI + self.log_variance + (z - self.mean).square() * self.precision).sum(-1)

    def map(self, change: Callable[[Tensor], Tensor]) -> Gaussian:
        """The same change of shape (or place) for mean and log-variance."""
        return Gaussian(change(self.mean), change(self.log_variance))

    def __getitem__(self, index: Any) -> Gaussian:
        return self.map(lambda value: value[index])

    def where(self, rows: Bool[Tensor, "*lead B"], other: Gaussian | None = None) -> Gaussian:
        """The same in ``rows``, ``other`` in the others, N(0, I) by default: ``[..., B, D]``."""
        mean, log_variance = (0.0, 0.0) if other is None else (other.mean, other.log_variance)
        there = rows[..., None]
        return Gaussian(torch.where(there, self.mean, mean), torch.where(there, self.log_variance, log_variance))

    def choose(self, chosen: Int[Tensor, "*any B"]) -> Gaussian:
        """Of Gaussians ``[..., C, B, D]`` one per row: :func:`choose`."""
        return self.map(lambda value: choose(value, chosen))

    @staticmethod
    def stack(several: list[Gaussian]) -> Gaussian:
        """Stack along a new leading dimension: the experts ``[M, B, D]``."""
        return Gaussian(torch.stack([g.mean for g in several]), torch.stack([g.log_variance for g in several]))

    @staticmethod
    def point(mean: Float[Tensor, "*batch D"]) -> Gaussian:
        """A variance of exactly 0, log-variance −∞: samples are the mean. It has no density."""
        return Gaussian(mean, torch.full_like(mean, -torch.inf))


def choose(values: Shaped[Tensor, "*lead C B X"], chosen: Int[Tensor, "*any B"]) -> Shaped[Tensor, "*any B X"]:
    """values[..., chosen[..., b], b, :]: of C one for every row. ``chosen`` may have more leading dimensions than
    ``values``, before theirs.
    """
    index = chosen[..., None, :, None].expand(*chosen.shape[:-1], 1, *values.shape[-2:])
    return values.expand(*chosen.shape[:-1], *values.shape[-3:]).gather(-3, index).squeeze(-3)


def standard_normal(like: Gaussian | Tensor) -> Gaussian:
    """N(0, I) with the shape of ``like``."""
    zeros = torch.zeros_like(like if isinstance(like, Tensor) else like.mean)
    return Gaussian(zeros, zeros)


def kl_gaussians(q: Gaussian, p: Gaussian) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p) in closed form, summed over the latent dimensions.

    ½ Σ_d [σ_q²/σ_p² − 1 − log(σ_q²/σ_p²) + (μ_q − μ_p)²/σ_p²], with ``expm1`` for the first two terms, which keeps the
    digits of nearly equal variances.
    """
    log_ratio = q.log_variance - p.log_variance
    return 0.5 * (torch.expm1(log_ratio) - log_ratio + (q.mean - p.mean).square() * p.precision).sum(-1)
