"""The small model of which every method's loss is computed, by mmgen and by a peer: linear encoders and decoders with
seeded weights, in float64. Both processes make the same numbers, since torch is pinned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZES = {"a": 4, "b": 3, "c": 5}
ROWS, D, P, SAMPLES, CLUSTERS = 6, 3, 2, 2, 4
MESSAGE = 4
BETA = 0.7


def numbers(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers of a seed."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear(seed: int, inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with seeded weights."""
    layer = nn.Linear(inputs, outputs).double()
    with torch.no_grad():
        layer.weight.copy_(0.4 * numbers(seed, outputs, inputs))
        layer.bias.copy_(0.2 * numbers(seed + 1, outputs))
    return layer


def data() -> dict[str, Tensor]:
    """Rows of every modality."""
    return {name: numbers(10 + m, ROWS, size) for m, (name, size) in enumerate(SIZES.items())}


def mean_layer(m: int, size: int, private: int) -> nn.Linear:
    """Means of z, and of w_m behind."""
    return linear(100 + 10 * m, size, D + private)


def spread_layer(m: int, size: int, private: int) -> nn.Linear:
    """Log-variances of the same."""
    return linear(200 + 10 * m, size, D + private)


def decoder_layer(m: int, size: int, private: int) -> nn.Linear:
    """Means of x_m from z, and w_m behind."""
    return linear(300 + 10 * m, D + private, size)


def noise(seed: int, family: str, *shape: int) -> Tensor:
    """Standard normal or Laplace noise."""
    normal = numbers(seed, *shape)
    if family == "normal":
        return normal
    uniform = torch.special.ndtr(normal) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs())


def mixture_noise(family: str) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Of MMVAE+ and CMVAE: of z ``[K, M, B, D]``, of every w_m ``[K, B, P]``, and of w̃_m for the z of every modality
    ``[K, M, B, P]``.
    """
    own = [noise(500 + m, family, SAMPLES, ROWS, P) for m in range(len(SIZES))]
    auxiliary = [noise(600 + m, family, SAMPLES, len(SIZES), ROWS, P) for m in range(len(SIZES))]
    return noise(400, family, SAMPLES, len(SIZES), ROWS, D), own, auxiliary


def private_noise() -> tuple[Tensor, list[Tensor]]:
    """Of DMVAE: of the z of every bound ``[M + 1, B, D]``, and of every w_m in it ``[M + 1, B, P]``."""
    bounds = len(SIZES) + 1
    return noise(700, "normal", bounds, ROWS, D), [noise(800 + m, "normal", bounds, ROWS, P) for m in range(len(SIZES))]


def cluster_means() -> Tensor:
    """Of CMVAE, ``[C, D]``."""
    return numbers(900, CLUSTERS, D)


def cluster_logits() -> Tensor:
    """Of CMVAE, ``[C]``."""
    return numbers(901, CLUSTERS)


def joint_layers() -> tuple[nn.Linear, nn.Linear]:
    """Of JNF: mean and log-variance of z from all modalities side by side."""
    size = sum(SIZES.values())
    return linear(2000, size, D), linear(2010, size, D)


def flow_parameters(m: int) -> tuple[Tensor, Tensor]:
    """Of JNF: log a and b of u = a z + b in every dimension, in the place of a network."""
    return 0.3 * numbers(2020 + 2 * m, D), numbers(2021 + 2 * m, D)


def message_layer(m: int) -> nn.Linear:
    """Of Nexus: from z_m to a message."""
    return linear(2100 + 10 * m, P, MESSAGE)


def top_layers() -> tuple[nn.Linear, nn.Linear]:
    """Of Nexus: mean and log-variance of z from the mean message."""
    return linear(2200, MESSAGE, D), linear(2210, MESSAGE, D)


def receiver_layer(m: int) -> nn.Linear:
    """Of Nexus: from z to the mean of z_m."""
    return linear(2300 + 10 * m, D, P)
