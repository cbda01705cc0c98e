"""Trunks of the classifiers that judge generated values: quick to train on a CPU, and good enough to be trusted.

They have batch normalisation, so they must not be trained on a batch of one row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .codes import embed

SMALL = 8  # maps are pooled until no side is longer
LAST = 64  # channels of an image's last stage; a stage before has half as many, for it has four times the pixels
DROPOUT = 0.5


def _pools(size: Sequence[int]) -> int:
    """How often the longest side must be halved to be small."""
    return max(0, math.ceil(math.log2(max(size) / SMALL)))


def _head(inputs: int, hidden: int) -> list[nn.Module]:
    """Flatten, dropout, a hidden layer, dropout."""
    return [nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(DROPOUT)]


class ImageClassifierTrunk(nn.Module):
    """Stages of two 3×3 convolutions (each with norm and ReLU) with a max-pool between them, then a hidden layer between dropouts.

    28×28 and 32×32 pixels have three stages, 64×64 have four.
    """

    def __init__(self, shape: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        inputs, height, width = shape
        pools = _pools((height, width))
        layers: list[nn.Module] = []
        for stage in range(pools + 1):
            outputs = max(LAST >> (pools - stage), 8)
            for _ in range(2):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
                inputs = outputs
            if stage < pools:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                height, width = (height + 1) // 2, (width + 1) // 2
        self.layers = nn.Sequential(*layers, *_head(inputs * height * width, hidden))
        self.features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, features]``."""
        return self.layers(x.contiguous(memory_format=torch.channels_last))  # a third quicker on a CPU


class TextClassifierTrunk(nn.Module):
    """Embedded symbols; stages of a convolution (3 wide, norm, ReLU) with a max-pool between them; then a hidden layer between dropouts."""

    def __init__(self, length: int, categories: int, embedding: int = 32, channels: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(categories, embedding)
        pools, inputs = _pools((length,)), embedding
        layers: list[nn.Module] = []
        for stage in range(pools + 1):
            layers += [nn.Conv1d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm1d(channels), nn.ReLU()]
            inputs = channels
            if stage < pools:
                layers.append(nn.MaxPool1d(2, ceil_mode=True))
                length = (length + 1) // 2
        self.layers = nn.Sequential(*layers, *_head(channels * length, hidden))
        self.features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        return self.layers(embed(self.embedding, x).transpose(1, 2))
