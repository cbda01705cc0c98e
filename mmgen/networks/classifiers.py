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
    """Stages of two 3×3 convolutions (each with norm and ReLU) with a max-pool between them, then a hidden layer
    between dropouts.

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
    """Embedded symbols; convolutions of several widths side by side (norm, ReLU), each followed by the maximum over all
    positions; then a hidden layer.

    What a text says counts and not where, so a word is found wherever it begins. Source: Kim 2014, "Convolutional
    Neural Networks for Sentence Classification".
    """

    def __init__(
        self,
        categories: int,
        embedding: int = 16,
        channels: int = 64,
        widths: Sequence[int] = (3, 7),
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(categories, embedding)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding, channels, width, padding=width // 2, bias=False) for width in widths
        )
        self.norm = nn.BatchNorm1d(channels * len(widths))
        self.layers = nn.Sequential(*_head(channels * len(widths), hidden))
        self.features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        embedded = embed(self.embedding, x).transpose(1, 2)
        found = torch.cat([convolution(embedded).amax(-1) for convolution in self.convolutions], 1)
        return self.layers(self.norm(found).relu())
