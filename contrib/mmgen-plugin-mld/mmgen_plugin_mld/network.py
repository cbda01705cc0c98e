"""The network that sees latents of all modalities, each at a time of its own, and says which noise is in them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Residual(nn.Module):
    """h + W₂ silu(norm(W₁ silu(norm(h)) + V e))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.time = nn.Linear(width, width)
        self.activation = nn.SiLU()

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        """``[..., width]`` and what is known of times, ``[..., width]``, to the same shape."""
        inner = self.layers[0](self.activation(self.norms[0](h))) + self.time(e)
        return h + self.layers[1](self.activation(self.norms[1](inner)))


class NoiseNetwork(nn.Module):
    r"""A multilayer perceptron with residual blocks, ε̂(u, τ): an estimate of the noise ε in u(τ), for a time τ_m of
    every modality.

    Args:
        dim: D.
        modalities: M.
        width: Of all layers.
        blocks: How many.
    """

    def __init__(self, dim: int, modalities: int, width: int, blocks: int) -> None:
        super().__init__()
        self.inward = nn.Linear(dim, width)
        self.time = nn.Sequential(nn.Linear(modalities, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.blocks = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.outward = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, dim))

    def forward(self, u: Float[Tensor, "*lead D"], times: Float[Tensor, "*lead M"]) -> Float[Tensor, "*lead D"]:
        """ε̂."""
        h, e = self.inward(u), self.time(times)
        for block in self.blocks:
            h = block(h, e)
        return self.outward(h)
