"""Intensities of volumes: to what networks see, and fewer voxels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from mmgen.data.transforms import Transform

ROWS_AT_ONCE = 16


class ChannelStandardise(Transform):
    """Every channel less its mean, over its standard deviation: one pair for all voxels of all training rows.

    Voxels that are 0 in every volume, such as those of the air, have no deviation of their own to be divided by.
    """

    learns: ClassVar[bool] = True
    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1, 1))
        self.register_buffer("scale", torch.ones(channels, 1, 1, 1))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Mean and standard deviation in float64, a few rows at a time; a channel that never varies is only centred."""
        if len(values) == 0:
            return
        blocks = [values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE)]
        count = values[:, 0].numel()
        mean = torch.stack([block.double().sum((0, 2, 3, 4)) for block in blocks]).sum(0) / count
        centre = mean[:, None, None, None]
        squares = torch.stack([(block.double() - centre).square().sum((0, 2, 3, 4)) for block in blocks]).sum(0)
        deviation = (squares / count).sqrt()
        varies = deviation > 1e-12 * mean.abs().clamp(min=1e-12)
        self.mean.copy_(centre)
        self.scale.copy_(torch.where(varies, deviation, torch.ones_like(deviation))[:, None, None, None])

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """(x − mean) / scale."""
        return (super().forward(values) - self.mean) / self.scale

    def inverse(self, values: Tensor) -> Tensor:
        """Mean + scale · x."""
        return self.mean + self.scale * values


def block_means(values: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Volumes ``[N, C, D, H, W]`` as ``[N, C, *size]``: means of blocks, which overlap where sides do not divide."""
    pooled = np.empty((*values.shape[:2], *size), dtype=np.float32)
    for row, value in enumerate(values):
        pooled[row] = adaptive_avg_pool3d(torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)), size).numpy()
    return pooled


def standardised_each(values: np.ndarray) -> np.ndarray:
    """Every channel of every volume ``[N, C, D, H, W]`` less its mean, over its standard deviation."""
    axes = (2, 3, 4)
    exact = values.astype(np.float64)
    mean, deviation = exact.mean(axes, keepdims=True), exact.std(axes, keepdims=True)
    varies = deviation > 1e-12 * np.maximum(np.abs(mean), 1e-12)
    return ((exact - mean) / np.where(varies, deviation, 1)).astype(np.float32)
