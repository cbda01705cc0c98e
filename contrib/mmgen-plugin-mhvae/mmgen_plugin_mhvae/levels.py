"""Distributions over z whose levels are Gaussian given the levels above them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen.distributions import Gaussian, fixed_points, normal_noise

POINTS = 32  # for means and variances; of D dimensions each
NUMBERS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Levels:
    r"""q(z) = q(z_L) Π_{l<L} q(z_l | z_{>l}), every factor a Gaussian, with the levels side by side, z = (z_1, …, z_L).

    Means and variances of the levels below the highest have no closed form. They are those of the conditional Gaussians
    over fixed points of what is above: E[z_l] = E[μ_l(z_{>l})], Var[z_l] = E[σ_l²(z_{>l})] + Var[μ_l(z_{>l})]. So they
    are the same each time.

    Attributes:
        top: q(z_L), ``[..., B, d_L]``.
        sizes: d_1, …, d_L.
        below: q(z_l | z_{>l}) ``[..., B, d_l]`` of a level, 0 for the lowest, given all above it ``[..., B, _]``.
        constant: Whether means and variances have no gradients, as where this was made without any.
    """

    top: Gaussian
    sizes: tuple[int, ...]
    below: Callable[[int, Tensor], Gaussian]
    constant: bool = field(default_factory=lambda: not torch.is_grad_enabled())

    @property
    def mean(self) -> Float[Tensor, "*batch D"]:
        """The mean over the fixed points."""
        return self._moments[0]

    @property
    def variance(self) -> Float[Tensor, "*batch D"]:
        """The variance over the fixed points."""
        return self._moments[1]

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_batch D"]:
        """Reparameterised samples, level by level from the highest: ``[*samples, ..., B, D]``."""
        return self.drawn(samples)[0]

    def drawn(self, samples: tuple[int, ...] = ()) -> tuple[Float[Tensor, "*samples_and_batch D"], list[Gaussian]]:
        """Samples, and the Gaussians from which each level of them is, the lowest first."""
        return self._walk(normal_noise((*samples, *self.top.mean.shape[:-1], sum(self.sizes)), self.top.mean))

    def at(self, z: Float[Tensor, "*any D"]) -> list[Gaussian]:
        """q(z_l | z_{>l}) of every level at z, the lowest first."""
        starts = list(accumulate(self.sizes))
        return [*(self.below(level, z[..., start:]) for level, start in enumerate(starts[:-1])), self.top]

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """log q(z), ``[*any, B]`` for ``z`` ``[*any, B, D]``."""
        parts = z.split(list(self.sizes), -1)
        each = [level.log_prob(part) for level, part in zip(self.at(z), parts, strict=True)]
        return torch.stack(each).sum(0)

    def _walk(self, noise: Float[Tensor, "*any D"]) -> tuple[Tensor, list[Gaussian]]:
        *lower, highest = noise.split(list(self.sizes), -1)
        z, levels = self.top.mean + self.top.scale * highest, [self.top]
        for level in reversed(range(len(lower))):
            q = self.below(level, z)
            z = torch.cat([q.mean + q.scale * lower[level], z], -1)
            levels.insert(0, q)
        return z, levels

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        shape = (*self.top.mean.shape[:-1], sum(self.sizes))
        with torch.set_grad_enabled(not self.constant):
            with fixed_points():
                noise = normal_noise((POINTS, *shape), self.top.mean)
            centre = torch.cat([q.mean for q in self._walk(torch.zeros_like(noise[0]))[1]], -1)
            total, square, spread = (torch.zeros_like(centre) for _ in range(3))
            for part in noise.split(max(1, NUMBERS_AT_ONCE // max(1, noise[0].numel()))):
                levels = self._walk(part)[1]
                away = torch.cat([q.mean.expand(len(part), *shape[:-1], -1) for q in levels], -1) - centre
                total, square = total + away.sum(0), square + away.square().sum(0)
                spread = spread + torch.cat([q.variance.expand(len(part), *shape[:-1], -1) for q in levels], -1).sum(0)
            away = total / POINTS
            return centre + away, (spread + square) / POINTS - away.square()
