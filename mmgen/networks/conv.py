"""Small convolutional trunks and decoders for images ``[N, channels, height, width]`` of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn


def _sizes(size: int, layers: int) -> list[int]:
    """Side lengths after 0, 1, … layers of stride 2."""
    sizes = [size]
    for _ in range(layers):
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


class ConvTrunk(nn.Module):
    """Convolutions (3×3, stride 2) with ReLU, one per entry of ``channels``; features are the flattened last map.

    The pattern of the networks for PolyMNIST in Sutter et al. 2021.
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        inputs, height, width = shape
        layers: list[nn.Module] = []
        for outputs in channels:
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.features = channels[-1] * _sizes(height, len(channels))[-1] * _sizes(width, len(channels))[-1]

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, features]``."""
        return self.layers(x).flatten(1)


class ConvDecoder(nn.Module):
    """The trunk mirrored: a linear layer with ReLU, then transposed convolutions that retrace the trunk's sizes."""

    def __init__(self, latent_dim: int, shape: Sequence[int], channels: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        outputs, height, width = shape
        heights, widths = _sizes(height, len(channels)), _sizes(width, len(channels))
        self.start = (channels[-1], heights[-1], widths[-1])
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(self.start)), nn.ReLU(), nn.Unflatten(1, self.start)]
        for step in range(len(channels), 0, -1):
            after = channels[step - 2] if step > 1 else outputs
            grow = (heights[step - 1] - (2 * heights[step] - 1), widths[step - 1] - (2 * widths[step] - 1))
            layers.append(nn.ConvTranspose2d(channels[step - 1], after, 3, stride=2, padding=1, output_padding=grow))
            if step > 1:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, C, H, W]``."""
        return self.layers(z)
