"""Latents of all modalities given those of some of them, drawn by the way back of a diffusion."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Draw = Callable[[Tensor, Tensor], Tensor]
"""Latents ``[..., B, D]`` from what they are where they are given, ``[..., B, D]``, and which are, ``[..., B, M]``."""


class Diffused:
    """p(z | z_S) of rows and subsets S, which can only be drawn from: it has no density.

    Coordinates of z_S are what they are, without a variance. Mean and variance of the others are those of some draws,
    and are others each time.

    Args:
        draw: How.
        known: z, ``[B, D]``.
        given: S of each row, ``[..., B, M]``.
        owners: The number of the modality of each coordinate.
        points: Draws for mean and variance.
    """

    def __init__(
        self,
        draw: Draw,
        known: Float[Tensor, "B D"],
        given: Bool[Tensor, "*lead B M"],
        owners: Int[Tensor, " D"],
        points: int,
    ) -> None:
        self.draw, self.known, self.given, self.points = draw, known.detach(), given, points
        self.held = given[..., owners]  # [..., B, D]

    @property
    def mean(self) -> Float[Tensor, "*lead B D"]:
        """Of the draws."""
        return self._moments[0]

    @property
    def variance(self) -> Float[Tensor, "*lead B D"]:
        """Of the draws."""
        return self._moments[1]

    @torch.no_grad()
    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_lead D"]:
        """``[*samples, ..., B, D]``, without gradients."""
        known = self.known.expand(*samples, *self.held.shape)
        return known if bool(self.given.all()) else self.draw(known, self.given.expand(*samples, *self.given.shape))

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        z = torch.stack([self.rsample() for _ in range(self.points)])  # one by one: there may be many subsets
        return torch.where(self.held, self.known, z.mean(0)), torch.where(self.held, 0.0, z.var(0, correction=0))
