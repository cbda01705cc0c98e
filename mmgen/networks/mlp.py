"""Fully connected trunks and decoders, for data of any shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def hidden_layers(inputs: int, hidden: Sequence[int], activation: str, dropout: float) -> list[nn.Module]:
    """Linear, activation (and dropout) for every width in ``hidden``."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), ACTIVATIONS[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = width
    return layers


class MLPTrunk(nn.Module):
    """Data ``[N, *shape]`` to features ``[N, features]``: flattened, then ``hidden`` layers, each followed by the
    activation.

    Attributes:
        width: Of the first hidden layer; 0 without any.
    """

    def __init__(
        self, shape: Sequence[int], hidden: Sequence[int], activation: str = "relu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        size = math.prod(shape)
        self.width = hidden[0] if hidden else 0
        self.features = hidden[-1] if hidden else size
        self.layers = nn.Sequential(*hidden_layers(size, hidden, activation, dropout))

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, *shape]`` to ``[N, features]``; ``beside`` ``[N, width]`` is added before the first activation, as what
        further inputs make would be.
        """
        if beside is None:
            return self.layers(x.flatten(1))
        first, *others = self.layers
        hidden = first(x.flatten(1)) + beside
        for layer in others:
            hidden = layer(hidden)
        return hidden


class MLPDecoder(nn.Module):
    """Latents ``[N, D]`` to decoder outputs ``[N, *shape]``: ``hidden`` layers, then a linear one."""

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        hidden: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.layers = nn.Sequential(
            *hidden_layers(latent_dim, hidden, activation, dropout),
            nn.Linear(hidden[-1] if hidden else latent_dim, math.prod(self.shape)),
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, *shape]``."""
        return self.layers(z).unflatten(-1, self.shape)
