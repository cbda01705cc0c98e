"""Fully connected trunks and decoders, for data of any shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
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

    With ``linear_path`` the flattened data are features too, behind the others: what is linear in the features is then
    a linear map of the data beside a multilayer perceptron. Nothing is dropped out of them.

    Attributes:
        size: Numbers in one value.
        width: Of the first hidden layer; 0 without any.
        linear_path: Whether the data are features too; without hidden layers they are the only ones anyway.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        linear_path: bool = False,
    ) -> None:
        super().__init__()
        self.size = size = math.prod(shape)
        self.width = hidden[0] if hidden else 0
        self.linear_path = linear_path and bool(hidden)
        self.features = (hidden[-1] if hidden else size) + size * self.linear_path
        self.layers = nn.Sequential(*hidden_layers(size, hidden, activation, dropout))

    def seen_at(self, cells: Sequence[int]) -> list[int]:
        """Where the hidden layers and the linear path see these cells of a value, by their places in it."""
        return list(cells)

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, *shape]`` to ``[N, features]``; ``beside`` ``[N, width]`` is added before the first activation, as what
        further inputs make would be.
        """
        flat = x.flatten(1)
        if beside is None:
            hidden = self.layers(flat)
        else:
            first, *others = self.layers
            hidden = first(flat) + beside
            for layer in others:
                hidden = layer(hidden)
        return torch.cat([hidden, flat.to(hidden.dtype)], 1) if self.linear_path else hidden


class MLPDecoder(nn.Module):
    """Latents ``[N, D]`` to decoder outputs ``[N, *shape]``: ``hidden`` layers, then a linear one; with ``linear_path``
    a linear map of the latents is added.
    """

    straight: nn.Linear | None

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        hidden: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        linear_path: bool = False,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        size = math.prod(self.shape)
        self.layers = nn.Sequential(
            *hidden_layers(latent_dim, hidden, activation, dropout),
            nn.Linear(hidden[-1] if hidden else latent_dim, size),
        )
        self.straight = nn.Linear(latent_dim, size, bias=False) if linear_path and hidden else None

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, *shape]``."""
        output = self.layers(z)
        return (output if self.straight is None else output + self.straight(z)).unflatten(-1, self.shape)

    @property
    def is_linear(self) -> bool:
        """Whether it can be a linear map: it has a linear path, or is nothing else."""
        return self.straight is not None or len(self.layers) == 1

    @torch.no_grad()
    def become_linear(self, weight: Tensor, bias: Tensor) -> None:
        """Be W z + b, for W ``[size, D]`` and b ``[size]``, until it is trained: the multilayer perceptron beside it
        adds 0, and can learn.
        """
        last = cast(nn.Linear, self.layers[-1])
        if self.straight is None:
            last.weight.copy_(weight)
        else:
            self.straight.weight.copy_(weight)
            last.weight.zero_()
        last.bias.copy_(bias)
