"""The sentence networks for CUB captions, after the released code of Shi et al. 2019: a sentence is an image, ``[1, L,
embedding]``.

Their batch normalisation depends on the batch in training, and not in evaluation: see :mod:`mmgen.networks.resnet_bn`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batch_norm import BatchNorm2d
from .codes import embed
from .sizes import halves_down, padding_down

# layers that halve the embedding alone: they make 4×4 of the 4×16 that three halvings leave of 32 words of 128 numbers
FLAT = 2


def _sizes(length: int, embedding: int, layers: int) -> list[tuple[int, int]]:
    """Sizes of the maps after each layer of the trunk, from ``[L, embedding]`` on."""
    sizes = [(height, width) for height, width in halves_down((length, embedding), layers)]
    return sizes + [(sizes[-1][0], width) for (width,) in halves_down((sizes[-1][1],), FLAT)[1:]]


class SentenceTrunk(nn.Module):
    """Embedded words; 4×4 convolutions of stride 2, one per entry of ``channels``, then two that halve the embedding
    alone; norm and ReLU after each.
    """

    def __init__(
        self, length: int, categories: int, channels: Sequence[int] = (32, 64, 128), embedding: int = 128
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(categories, embedding)
        inputs, layers = 1, list[nn.Module]()
        for outputs in channels:
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        for _ in range(FLAT):
            layers += [nn.Conv2d(inputs, inputs, (1, 4), (1, 2), (0, 1), bias=False), BatchNorm2d(inputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.features = inputs * math.prod(_sizes(length, embedding, len(channels))[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        return self.layers(embed(self.embedding, x).unsqueeze(1))


class SentenceDecoder(nn.Module):
    """The trunk mirrored to ``[N, L, embedding]`` (ReLU), then a linear layer to the logits, whose weight may be the
    trunk's embedding.
    """

    def __init__(
        self,
        latent_dim: int,
        length: int,
        categories: int,
        channels: Sequence[int] = (32, 64, 128),
        embedding: int = 128,
    ) -> None:
        super().__init__()
        sizes = _sizes(length, embedding, len(channels))[::-1]
        last = channels[-1]
        start = (last, *sizes[0])
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, math.prod(start), bias=False),
            nn.Unflatten(1, start),
            BatchNorm2d(last),
            nn.ReLU(),
        ]
        widths = [last] * (FLAT + 1) + [*channels[-2::-1], 1]
        for step, (before, after) in enumerate(pairwise(widths)):
            kernel, stride, padding = ((1, 4), (1, 2), (0, 1)) if step < FLAT else ((4, 4), (2, 2), (1, 1))
            small, large = sizes[step], sizes[step + 1]
            grow = (0, *padding_down(small[1:], large[1:])) if step < FLAT else padding_down(small, large)
            layers.append(nn.ConvTranspose2d(before, after, kernel, stride, padding, grow, bias=False))
            layers += [BatchNorm2d(after), nn.ReLU()] if step < len(widths) - 2 else [nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.weight: nn.Parameter | None = nn.Parameter(
            torch.empty(categories, embedding).uniform_(-1, 1) / math.sqrt(embedding)
        )
        self.bias = nn.Parameter(torch.zeros(categories))
        # Not a submodule: the weight belongs to the trunk, and is one parameter that is saved once.
        self._tied: tuple[nn.Embedding, ...] = ()

    def tie(self, embedding: nn.Embedding) -> None:
        """Use the weight of ``embedding``, in place of an own one."""
        self.weight = None
        self._tied = (embedding,)

    def shared(self) -> tuple[Tensor, ...]:
        """Parameters that belong to the encoder: the embedding, once it is tied."""
        return tuple(embedding.weight for embedding in self._tied)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, categories, L]``."""
        return F.linear(self.layers(z).squeeze(1), self._words(), self.bias).transpose(1, 2)

    def _words(self) -> Tensor:
        """The weight ``[categories, embedding]`` of the last layer."""
        if self._tied:
            return self._tied[0].weight
        assert self.weight is not None
        return self.weight
