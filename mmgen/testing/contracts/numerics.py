"""Quadrature and the comparison of samples with a density."""

from __future__ import annotations

import torch
from torch import Tensor


def cumulated(grid: Tensor, density: Tensor) -> Tensor:
    """∫ density up to every point of the grid ``[points, ...]``, by trapezoids; the last one is the whole."""
    steps = 0.5 * (density[1:] + density[:-1]) * (grid[1:] - grid[:-1])
    return torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(0)])


def largest_distance(drawn: Tensor, grid: Tensor, distribution: Tensor) -> float:
    """Largest distance between the distribution function of samples ``[N]`` and one on a grid ``[points]`` (Kolmogorov
    and Smirnov).
    """
    drawn = drawn.sort().values
    right = torch.searchsorted(grid.contiguous(), drawn.to(grid.dtype).contiguous()).clamp(1, len(grid) - 1)
    share = ((drawn - grid[right - 1]) / (grid[right] - grid[right - 1])).clamp(0, 1)
    expected = distribution[right - 1] + share * (distribution[right] - distribution[right - 1])
    upper = torch.arange(1, len(drawn) + 1, dtype=expected.dtype) / len(drawn)
    return float(torch.maximum((upper - expected).abs(), (upper - 1 / len(drawn) - expected).abs()).max())


def ks_limit(count: int) -> float:
    """What that distance exceeds about once in a million samples of size ``count``."""
    return 2.7 / count**0.5
