"""Stacked Laplace distributions with independent dimensions, kept as mean and log-scale.

Shapes as for Gaussians: ``[..., B, D]``, experts ``[M, B, D]``. Everything here sums over ``D`` and keeps every other
dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .gaussian import Gaussian, choose
from .random import laplace_noise

LOG_2 = math.log(2)


@dataclass(frozen=True)
class Laplace:
    """Laplace distributions: ``mean`` and ``log_scale`` (log b), each ``[..., B, D]``."""

    mean: Float[Tensor, "*batch D"]
    log_scale: Float[Tensor, "*batch D"]

    @property
    def variance(self) -> Float[Tensor, "*batch D"]:
        """The variance 2b²."""
        return 2 * (2 * self.log_scale).exp()

    @property
    def scale(self) -> Float[Tensor, "*batch D"]:
        """The scale b: the mean distance from the mean."""
        return self.log_scale.exp()

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_batch D"]:
        """Reparameterised samples μ + b ε, ``[*samples, ..., B, D]``."""
        return self.mean + self.scale * laplace_noise((*samples, *self.mean.shape), self.mean)

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """log Laplace(z; μ, b), summed over the latent dimensions."""
        return -(LOG_2 + self.log_scale + (z - self.mean).abs() * (-self.log_scale).exp()).sum(-1)

    def map(self, change: Callable[[Tensor], Tensor]) -> Laplace:
        """The same change of shape (or place) for mean and log-scale."""
        return Laplace(change(self.mean), change(self.log_scale))

    def __getitem__(self, index: Any) -> Laplace:
        return self.map(lambda value: value[index])

    def where(self, rows: Bool[Tensor, "*lead B"], other: Laplace | None = None) -> Laplace:
        """The same in ``rows``, ``other`` in the others, Laplace(0, 1) by default: ``[..., B, D]``."""
        mean, log_scale = (0.0, 0.0) if other is None else (other.mean, other.log_scale)
        there = rows[..., None]
        return Laplace(torch.where(there, self.mean, mean), torch.where(there, self.log_scale, log_scale))

    def choose(self, chosen: Int[Tensor, "*any B"]) -> Laplace:
        """Of distributions ``[..., C, B, D]`` one per row: :func:`.gaussian.choose`."""
        return self.map(lambda value: choose(value, chosen))

    @staticmethod
    def stack(several: list[Laplace]) -> Laplace:
        """Stack along a new leading dimension: the experts ``[M, B, D]``."""
        return Laplace(torch.stack([each.mean for each in several]), torch.stack([each.log_scale for each in several]))


def standard_laplace(like: Laplace | Gaussian | Tensor) -> Laplace:
    """Laplace(0, 1) in every dimension, with the shape of ``like``."""
    zeros = torch.zeros_like(like if isinstance(like, Tensor) else like.mean)
    return Laplace(zeros, zeros)


def in_family(
    head: Gaussian, family: Literal["gaussian", "laplace"], *, normalised: bool = False
) -> Gaussian | Laplace:
    """Posteriors of a family from what an encoder's head gives, means μ and numbers ℓ ``[..., B, D]``.

    Args:
        head: μ as its mean, ℓ as its log-variance.
        family: ``gaussian`` with the standard deviations s, or ``laplace`` with the scales b = s.
        normalised: s = exp(½ℓ) divided by their mean over dimensions, so that they sum to D (Shi et al. 2019, released
            code for MNIST-SVHN); exp(½ℓ) otherwise.
    """
    log_scale = 0.5 * head.log_variance
    if normalised:
        log_scale = log_scale.log_softmax(-1) + math.log(log_scale.shape[-1])
    return Laplace(head.mean, log_scale) if family == "laplace" else Gaussian(head.mean, 2 * log_scale)


def kl_laplaces(q: Laplace, p: Laplace) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p) in closed form, summed over the latent dimensions.

    Σ_d [log(b_p/b_q) + |Δ|/b_p + (b_q/b_p) exp(−|Δ|/b_q) − 1] with Δ = μ_q − μ_p. With t = |Δ|/b_q and r = b_q/b_p it
    is written as (r − 1 − log r) + r (t + e^{−t} − 1), two terms that are never negative, with ``expm1``, which keeps
    the digits of nearly equal distributions.
    """
    log_ratio = q.log_scale - p.log_scale
    distance = (q.mean - p.mean).abs() * (-q.log_scale).exp()
    return (torch.expm1(log_ratio) - log_ratio + log_ratio.exp() * (distance + torch.expm1(-distance))).sum(-1)
