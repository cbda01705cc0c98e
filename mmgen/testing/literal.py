"""Equations in plain Python, to write literal oracles with: lists and loops over one row, sharing no code with what is
tested.

A Gaussian of one row is a pair of lists, means and log-variances of its D dimensions. Only a decoder's network is the
model's own: what an oracle checks is the equation around it. Objectives can be held at known experts
(:func:`known_experts`) and known noise (:func:`constant_noise`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ..distributions import Gaussian
from .substitutes import substitute

if TYPE_CHECKING:
    from ..data import Batch
    from ..models import MultimodalVAE
    from .worlds import LinearGaussianWorld

Row = tuple[list[float], list[float]]
"""Means and log-variances."""


def unit(dimensions: int) -> Row:
    """N(0, I)."""
    return [0.0] * dimensions, [0.0] * dimensions


def row_of(gaussians: Gaussian, b: int) -> list[Row]:
    """Row ``b`` of each of M Gaussians ``[M, B, D]``."""
    return [
        (mean[b].tolist(), log_variance[b].tolist())
        for mean, log_variance in zip(gaussians.mean, gaussians.log_variance, strict=True)
    ]


def kl(q: Row, p: Row) -> float:
    """KL(q ‖ p) = ½ Σ_d [ℓ_p − ℓ_q + (exp(ℓ_q) + (μ_q − μ_p)²) / exp(ℓ_p) − 1], nats."""
    total = 0.0
    for mean_q, log_q, mean_p, log_p in zip(*q, *p, strict=True):
        total += 0.5 * (log_p - log_q + (math.exp(log_q) + (mean_q - mean_p) ** 2) / math.exp(log_p) - 1)
    return total


def product(parts: Sequence[Row], powers: Sequence[float] | None = None) -> Row:
    """The normalised Π_i q_i^powers_i: precisions and precision-weighted means add up."""
    exponents = [1.0] * len(parts) if powers is None else powers
    mean, log_variance = [], []
    for d in range(len(parts[0][0])):
        precision = sum(power * math.exp(-spread[d]) for (_, spread), power in zip(parts, exponents, strict=True))
        pull = sum(
            power * centre[d] * math.exp(-spread[d]) for (centre, spread), power in zip(parts, exponents, strict=True)
        )
        mean.append(pull / precision)
        log_variance.append(-math.log(precision))
    return mean, log_variance


def average(parts: Sequence[Row]) -> Row:
    """The Gaussian with the mean of the means and the mean of the variances."""
    dimensions = range(len(parts[0][0]))
    return (
        [sum(mean[d] for mean, _ in parts) / len(parts) for d in dimensions],
        [math.log(sum(math.exp(log_variance[d]) for _, log_variance in parts) / len(parts)) for d in dimensions],
    )


def at(q: Row, epsilon: float) -> list[float]:
    """The point z = μ + ε σ."""
    return [mean + epsilon * math.exp(log_variance / 2) for mean, log_variance in zip(*q, strict=True)]


def log_normal(z: Sequence[float], q: Row) -> float:
    """The log-density of q at z, nats."""
    return sum(-0.5 * (math.log(2 * math.pi) + v + (x - m) ** 2 / math.exp(v)) for x, m, v in zip(z, *q, strict=True))


def log_likelihood(model: MultimodalVAE, batch: Batch, b: int, name: str, z: Sequence[float]) -> float:
    """Row ``b``'s log p(x_m | z), nats, without a weight, with the densities of toy modalities written out.

    They are those of a ``vector`` (normal, scale 1), ``tags`` (Bernoulli) and ``counts`` (negative binomial).
    """
    likelihood: Any = model.likelihoods[list(model.modalities).index(name)]
    with torch.no_grad():
        outputs = model.decode(torch.tensor([list(z)], dtype=torch.float64), name)[0, 0].tolist()
    total = 0.0
    for i, (output, x) in enumerate(zip(outputs, batch.data[name][b].tolist(), strict=True)):
        if name == "vector":
            total += -0.5 * math.log(2 * math.pi) - 0.5 * (x - output) ** 2
        elif name == "tags":
            total += x * output - math.log1p(math.exp(output))
        elif name == "counts":
            mu, r = math.exp(output), math.exp(float(likelihood.log_dispersion[i]))
            total += (
                math.lgamma(x + r)
                - math.lgamma(r)
                - math.lgamma(x + 1)
                + r * math.log(r / (r + mu))
                + x * math.log(mu / (r + mu))
            )
        else:
            raise ValueError(f"the density of {name!r} is not written out; it is that of 'vector', 'tags' and 'counts'")
    return total


def world_log_likelihood(world: LinearGaussianWorld, m: int, z: Sequence[float], x: Sequence[float]) -> float:
    """log N(x; W z + b, s²) of modality m of a linear-Gaussian world, nats."""
    total, scale = 0.0, float(world.scales[m])
    for i, value in enumerate(x):
        location = float(world.offsets[m][i])
        for d, coordinate in enumerate(z):
            location += float(world.loadings[m][i, d]) * coordinate
        total += -0.5 * math.log(2 * math.pi) - math.log(scale) - 0.5 * (value - location) ** 2 / scale**2
    return total


@contextmanager
def constant_noise(epsilon: float) -> Iterator[None]:
    """Every sample of a Gaussian is μ + ε σ."""

    def sample(self: Gaussian, samples: tuple[int, ...] = ()) -> torch.Tensor:
        return (self.mean + epsilon * self.scale).expand(*samples, *self.mean.shape)

    with substitute(Gaussian, rsample=sample):
        yield


@contextmanager
def known_experts(model: MultimodalVAE, experts: Gaussian) -> Iterator[None]:
    """The encoders' Gaussians ``[M, B, D]`` are ``experts``, whatever the batch."""
    with substitute(model, experts=lambda batch: experts):
        yield
