"""A small trunk and decoder for sequences of character or word codes ``[N, L]``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .codes import embed
from .mlp import MLPDecoder, MLPTrunk


class SequenceTrunk(nn.Module):
    """Each code is embedded, a convolution looks at its neighbours, and fully connected layers see the whole
    sequence.
    """

    def __init__(
        self,
        length: int,
        categories: int,
        hidden: Sequence[int],
        embedding: int = 32,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(categories, embedding)
        self.neighbours = nn.Conv1d(embedding, embedding, 3, padding=1)
        self.trunk = MLPTrunk((embedding, length), hidden, activation, dropout)
        self.features = self.trunk.features

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[N, L]`` to ``[N, features]``."""
        return self.trunk(self.neighbours(embed(self.embedding, x).transpose(1, 2)).relu())


class SequenceDecoder(nn.Module):
    """Latents to logits ``[N, categories, L]``."""

    def __init__(
        self,
        latent_dim: int,
        length: int,
        categories: int,
        hidden: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = MLPDecoder(latent_dim, (categories, length), hidden, activation, dropout)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, categories, L]``."""
        return self.layers(z)
