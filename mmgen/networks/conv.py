"""Small convolutional trunks and decoders for images ``[N, channels, height, width]`` and volumes ``[N, channels,
depth, height, width]`` of any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from .sizes import CONV, TRANSPOSED, halves_up, padding_up


class ConvTrunk(nn.Module):
    """Convolutions (3×3 or 3×3×3, stride 2, padding 1) with ReLU, one per entry of ``channels``; features
    are the flattened last map.

    The networks for PolyMNIST in Sutter et al. 2021, whose encoders narrow to ``bottleneck`` = J features by a linear
    layer with ReLU.
    """

    def __init__(
        self, shape: Sequence[int], channels: Sequence[int] = (32, 64, 128), bottleneck: int | None = None
    ) -> None:
        super().__init__()
        inputs, *size = shape
        conv = CONV[len(size)]
        layers: list[nn.Module] = []
        for outputs in channels:
            layers += [conv(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.Flatten())
        self.features = inputs * math.prod(halves_up(size, len(channels))[-1])
        if bottleneck is not None:
            layers += [nn.Linear(self.features, bottleneck), nn.ReLU()]
            self.features = bottleneck
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` or ``[N, C, D, H, W]`` to ``[N, features]``."""
        return self.layers(x)


class ConvDecoder(nn.Module):
    """The trunk mirrored: a linear layer with ReLU, then transposed convolutions that retrace the trunk's sizes."""

    def __init__(self, latent_dim: int, shape: Sequence[int], channels: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        outputs, *size = shape
        transposed, sizes = TRANSPOSED[len(size)], halves_up(size, len(channels))
        start = (channels[-1], *sizes[-1])
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(start)), nn.ReLU(), nn.Unflatten(1, start)]
        for step in range(len(channels), 0, -1):
            after = channels[step - 2] if step > 1 else outputs
            grow = padding_up(sizes[step], sizes[step - 1])
            layers.append(transposed(channels[step - 1], after, 3, stride=2, padding=1, output_padding=grow))
            if step > 1:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``[N, D]`` to ``[N, C, H, W]`` or ``[N, C, D, H, W]``."""
        return self.layers(z)
