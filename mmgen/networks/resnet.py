"""Residual networks for images without normalisation, after Daunhawer et al. 2022."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from .sizes import halves_up

BRANCH = 0.1
SLOPE = 0.2


class ResidualBlock(nn.Module):
    """y = shortcut(x) + 0.1 · conv(act(conv(act(x)))) with 3×3 convolutions and LeakyReLU(0.2).

    The middle has min(inputs, outputs) channels; the shortcut is the identity, or a 1×1 convolution without bias where
    the channels differ.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.branch = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inputs, middle, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(middle, outputs, 3, padding=1),
        )
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H, W]``."""
        return self.shortcut(x) + BRANCH * self.branch(x)


class ResNetTrunk(nn.Module):
    """A 3×3 convolution and a block of ``channels[0]``; for every further entry of ``channels`` an average pool of
    stride 2 and a block.

    28×28 pixels become 7×7 with three channels (Translated-PolyMNIST). ``activated``: LeakyReLU before the heads, as
    for CUB.
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int] = (64, 128, 256), activated: bool = False) -> None:
        super().__init__()
        inputs, *size = shape
        first = channels[0]
        layers: list[nn.Module] = [nn.Conv2d(inputs, first, 3, padding=1), ResidualBlock(first, first)]
        for before, after in pairwise(channels):
            layers += [nn.AvgPool2d(3, 2, 1), ResidualBlock(before, after)]
        if activated:
            layers.append(nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.features = channels[-1] * math.prod(halves_up(size, len(channels) - 1)[-1])

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, features]``."""
        return self.layers(x)


class ResNetDecoder(nn.Module):
    """The trunk mirrored: a linear layer, blocks, nearest-neighbour upsampling to the trunk's sizes, LeakyReLU and a
    3×3 convolution.
    """

    def __init__(self, latent_dim: int, shape: Sequence[int], channels: Sequence[int] = (64, 128, 256)) -> None:
        super().__init__()
        outputs, *size = shape
        sizes = halves_up(size, len(channels) - 1)
        start = (channels[-1], *sizes[-1])
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(start)), nn.Unflatten(1, start)]
        for step in range(len(channels) - 1, 0, -1):
            layers += [ResidualBlock(channels[step], channels[step - 1]), nn.Upsample(size=sizes[step - 1])]
        first = channels[0]
        self.layers = nn.Sequential(
            *layers, ResidualBlock(first, first), nn.LeakyReLU(SLOPE), nn.Conv2d(first, outputs, 3, padding=1)
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, C, H, W]``."""
        return self.layers(z)
