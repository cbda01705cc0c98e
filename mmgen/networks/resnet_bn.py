"""Residual networks with batch normalisation for the images and texts of CelebA, after the released code of Sutter et
al. 2021.

In training, batch normalisation makes the output of a row depend on the rest of its batch: on the other rows that have
the modality, and on how a batch is shared among processes or micro-batches. In evaluation it does not: the statistics
gathered in training are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from .batch_norm import BATCH_NORM
from .codes import OneHotChannels
from .sizes import CONV, TRANSPOSED, halves_down, halves_up, most_halves, padding_down, padding_up

Mix = tuple[float, float]
IMAGE_CHANNELS = (128, 256, 384, 512, 640)
DROPOUT: dict[int, type[nn.Module]] = {1: nn.Dropout, 2: nn.Dropout2d}


class NormalisedBlock(nn.Module):
    """a · shortcut(x) + b · branch(x), with (a, b) = ``mix``, for texts (``dims`` 1) or images (2).

    The branch: norm, ReLU, 1-wide convolution, dropout, norm, ReLU, convolution, dropout. The shortcut: convolution,
    norm. The two convolutions that change the size are alike: ``options`` has their kernel, stride and padding.
    Convolutions of images have no bias, and neither has the shortcut's (the released code has one there, which the
    normalisation takes away at once).
    """

    def __init__(
        self, dims: int, inputs: int, outputs: int, mix: Mix, dropout: float, transposed: bool = False, **options: Any
    ) -> None:
        super().__init__()
        norm, drop, bias = BATCH_NORM[dims], DROPOUT[dims], dims == 1
        conv = (TRANSPOSED if transposed else CONV)[dims]
        self.branch = nn.Sequential(
            norm(inputs),
            nn.ReLU(),
            CONV[dims](inputs, inputs, 1, bias=bias),
            drop(dropout),
            norm(inputs),
            nn.ReLU(),
            conv(inputs, outputs, bias=bias, **options),
            drop(dropout),
        )
        self.shortcut = nn.Sequential(conv(inputs, outputs, bias=False, **options), norm(outputs))
        self.mix = mix

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, …]`` to ``[N, outputs, …]``."""
        a, b = self.mix
        return a * self.shortcut(x) + b * self.branch(x)


def narrowing_blocks(channels: Sequence[int], size: Sequence[int], mix: Mix, dropout: float) -> list[nn.Module]:
    """Blocks from ``[N, channels[0], *size]`` to ``[N, channels[-1], 1, …]``: 4-wide of stride 2, and last one as wide
    as what is left.
    """
    blocks, rest = len(channels) - 1, halves_down(size, len(channels) - 2)[-1]
    options: list[dict[str, Any]] = [{"kernel_size": 4, "stride": 2, "padding": 1}] * (blocks - 1) + [
        {"kernel_size": rest}
    ]
    pairs = zip(channels, channels[1:], options, strict=False)
    return [NormalisedBlock(len(size), before, after, mix, dropout, **each) for before, after, each in pairs]


def widening_blocks(channels: Sequence[int], size: Sequence[int], mix: Mix, dropout: float) -> list[nn.Module]:
    """The same mirrored, of transposed convolutions: from ``[N, channels[-1], 1, …]`` to ``[N, channels[0],
    *size]``.
    """
    sizes = halves_down(size, len(channels) - 2)[::-1]
    options: list[dict[str, Any]] = [{"kernel_size": sizes[0]}]
    for small, large in pairwise(sizes):
        options.append({"kernel_size": 4, "stride": 2, "padding": 1, "output_padding": padding_down(small, large)})
    pairs = zip(channels[::-1], channels[-2::-1], options, strict=False)
    return [NormalisedBlock(len(size), before, after, mix, dropout, True, **each) for before, after, each in pairs]


class NormalisedImageTrunk(nn.Module):
    """A 3×3 convolution of stride 2 and padding 2 to ``channels[0]``, then a block per further entry; the last one
    leaves a single pixel.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = IMAGE_CHANNELS,
        mix: Mix = (2.0, 0.3),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        inputs, *size = shape
        after = [(side + 1) // 2 + 1 for side in size]
        stem = nn.Conv2d(inputs, channels[0], 3, stride=2, padding=2, bias=False)
        self.layers = nn.Sequential(stem, *narrowing_blocks(channels, after, mix, dropout), nn.Flatten())
        self.features = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, features]``."""
        return self.layers(x)


class NormalisedImageDecoder(nn.Module):
    """A linear layer, a transposed block per pair of ``channels``, and a 3×3 transposed convolution of stride 2."""

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        channels: Sequence[int] = IMAGE_CHANNELS,
        mix: Mix = (2.0, 0.3),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        outputs, *size = shape
        half = halves_up(size, 1)[-1]
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, channels[-1]),
            nn.Unflatten(1, (channels[-1], 1, 1)),
            *widening_blocks(channels, half, mix, dropout),
            nn.ConvTranspose2d(channels[0], outputs, 3, stride=2, padding=1, output_padding=padding_up(half, size)),
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, C, H, W]``."""
        return self.layers(z)


def text_block_channels(length: int, width: int = 128) -> tuple[int, ...]:
    """Channels for a text of ``length`` symbols: as many as leave 4 to 7 positions for the last block; F, 2F, … 5F, 5F,
    5F for 256 symbols, as published.
    """
    return tuple(width * min(step, 5) for step in range(1, max(1, most_halves((length,)) - 2) + 2))


class NormalisedTextTrunk(nn.Module):
    """One-hot symbols, a 4-wide convolution of stride 2 to ``channels[0]``, then a block per further entry; the last
    leaves a single position.
    """

    def __init__(
        self, length: int, categories: int, channels: Sequence[int], mix: Mix = (2.0, 0.3), dropout: float = 0.5
    ) -> None:
        super().__init__()
        stem = nn.Conv1d(categories, channels[0], 4, stride=2, padding=1)
        blocks = narrowing_blocks(channels, (length // 2,), mix, dropout)
        self.layers = nn.Sequential(OneHotChannels(categories), stem, *blocks, nn.Flatten())
        self.features = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        return self.layers(x)


class NormalisedTextDecoder(nn.Module):
    """A linear layer, a transposed block per pair of ``channels``, and a 4-wide transposed convolution of stride 2 to
    the logits.
    """

    def __init__(
        self,
        latent_dim: int,
        length: int,
        categories: int,
        channels: Sequence[int],
        mix: Mix = (2.0, 0.3),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        half = (length // 2,)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, channels[-1]),
            nn.Unflatten(1, (channels[-1], 1)),
            *widening_blocks(channels, half, mix, dropout),
            nn.ConvTranspose1d(
                channels[0], categories, 4, stride=2, padding=1, output_padding=padding_down(half, (length,))
            ),
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, categories, L]``."""
        return self.layers(z)
