"""Means and variances of latents that are still being learned."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

MEMORY = 100  # batches: each of the first is an equal part of what is known, later ones a hundredth
FLOOR = 1e-8  # of a variance


class Standard(nn.Module):
    """u = (z − μ) / s, with means and standard deviations of the rows of batches so far, the last ones more than
    others.
    """

    mean: Tensor  # [D]
    variance: Tensor  # [D]
    seen: Tensor  # [D]: in how many batches

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))
        self.register_buffer("seen", torch.zeros(dim, dtype=torch.int64))

    @property
    def scale(self) -> Float[Tensor, " D"]:
        """s."""
        return (self.variance + FLOOR).sqrt()

    def forward(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead D"]:
        """u."""
        return (z - self.mean) / self.scale

    def inverse(self, u: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead D"]:
        """z."""
        return self.mean + self.scale * u

    @torch.no_grad()
    def see(self, z: Float[Tensor, "B D"], there: Bool[Tensor, "B D"]) -> None:
        """One more batch; what is not there says nothing."""
        count = there.sum(0)
        rows = count.clamp(min=1)
        mean = torch.where(there, z, 0.0).sum(0) / rows
        variance = torch.where(there, (z - mean).square(), 0.0).sum(0) / rows
        seen = self.seen + (count > 0)
        part = torch.where(count > 0, 1.0 / seen.clamp(min=1, max=MEMORY), 0.0).to(z.dtype)
        shift = mean - self.mean
        self.variance.copy_((1 - part) * self.variance + part * variance + part * (1 - part) * shift.square())
        self.mean.copy_(self.mean + part * shift)
        self.seen.copy_(seen)
