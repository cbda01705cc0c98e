"""4-wide convolutions down to a single pixel, or a single position: the networks for SVHN and for short texts in Sutter
et al. 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .codes import OneHotChannels
from .sizes import CONV, TRANSPOSED, halves_down, most_halves, padding_down


def narrowing(inputs: int, channels: Sequence[int], size: Sequence[int]) -> list[nn.Module]:
    """Layers from ``[N, inputs, *size]`` to ``[N, channels[-1], 1, …]``: stride 2, and last a convolution as wide as
    what is left; ReLU after each.
    """
    conv, rest = CONV[len(size)], halves_down(size, len(channels) - 1)[-1]
    layers: list[nn.Module] = []
    for step, outputs in enumerate(channels, 1):
        layers += [conv(inputs, outputs, 4, 2, 1) if step < len(channels) else conv(inputs, outputs, rest), nn.ReLU()]
        inputs = outputs
    return layers


def widening(channels: Sequence[int], outputs: int, size: Sequence[int]) -> list[nn.Module]:
    """The same mirrored: from ``[N, channels[-1], 1, …]`` to ``[N, outputs, *size]``, with ReLU between the layers."""
    transposed, sizes = TRANSPOSED[len(size)], halves_down(size, len(channels) - 1)[::-1]
    widths = [*channels[::-1], outputs]
    layers: list[nn.Module] = [transposed(widths[0], widths[1], sizes[0])]
    for step in range(1, len(channels)):
        grow = padding_down(sizes[step - 1], sizes[step])
        layers += [nn.ReLU(), transposed(widths[step], widths[step + 1], 4, 2, 1, output_padding=grow)]
    return layers


class Conv4Trunk(nn.Module):
    """Images: 4×4 convolutions of stride 2 and padding 1, the last one as large as what is left (4×4 of 32×32 pixels);
    ReLU after each.
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int] = (32, 64, 64, 128)) -> None:
        super().__init__()
        inputs, *size = shape
        self.layers = nn.Sequential(*narrowing(inputs, channels, size), nn.Flatten())
        self.features = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, features]``."""
        return self.layers(x)


class Conv4Decoder(nn.Module):
    """The trunk mirrored: a linear layer with ReLU, then transposed convolutions that retrace the trunk's sizes."""

    def __init__(self, latent_dim: int, shape: Sequence[int], channels: Sequence[int] = (32, 64, 64, 128)) -> None:
        super().__init__()
        outputs, *size = shape
        start = [nn.Linear(latent_dim, channels[-1]), nn.ReLU(), nn.Unflatten(1, (channels[-1], 1, 1))]
        self.layers = nn.Sequential(*start, *widening(channels, outputs, size))

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, C, H, W]``."""
        return self.layers(z)


def text_channels(length: int, width: int = 128) -> tuple[int, ...]:
    """Channels for a text of ``length`` symbols: as many layers as leave 4 to 7 positions for the last one; three for 8
    symbols, as published.
    """
    return (width,) * (2 + max(0, most_halves((length,)) - 2))


class CharacterTrunk(nn.Module):
    """Texts: one-hot symbols, a convolution of width 1, 4-wide ones of stride 2, and one as wide as what is left; ReLU
    after each.
    """

    def __init__(self, length: int, categories: int, channels: Sequence[int]) -> None:
        super().__init__()
        first, *others = channels
        layers = [nn.Conv1d(categories, first, 1), nn.ReLU(), *narrowing(first, others, (length,))]
        self.layers = nn.Sequential(OneHotChannels(categories), *layers, nn.Flatten())
        self.features = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        return self.layers(x)


class CharacterDecoder(nn.Module):
    """The trunk mirrored: a linear layer, transposed convolutions, and a convolution of width 1 to the logits."""

    def __init__(self, latent_dim: int, length: int, categories: int, channels: Sequence[int]) -> None:
        super().__init__()
        first, *others = channels
        start = [nn.Linear(latent_dim, channels[-1]), nn.Unflatten(1, (channels[-1], 1))]
        self.layers = nn.Sequential(
            *start, *widening(others, first, (length,)), nn.ReLU(), nn.Conv1d(first, categories, 1)
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, categories, L]``."""
        return self.layers(z)
