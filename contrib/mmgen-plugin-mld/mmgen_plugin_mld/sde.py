"""The stochastic differential equation of variance preserving noise, and its way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen.distributions import normal_noise

Score = Callable[[Tensor, Tensor], Tensor]
"""∇ log p_t(u) ``[..., B, D]`` of ``u`` ``[..., B, D]`` at a time ``[]``."""


@dataclass(frozen=True)
class VariancePreserving:
    r"""du = −½ β(t) u dt + √β(t) dw for t from 0 to 1, with a rate that rises from β_0 to β_1 in a straight line.

    .. math::
        u(t) | u(0) \sim \mathcal N(\alpha(t) u(0), \sigma^2(t) I), \qquad
        \log \alpha(t) = -\tfrac14 t^2 (\beta_1 - \beta_0) - \tfrac12 t \beta_0, \qquad \sigma^2 = 1 - \alpha^2

    Source: Song et al. 2021 (https://arxiv.org/abs/2011.13456), Eq. 11, 32 and 33.

    Attributes:
        first: β_0.
        last: β_1.
    """

    first: float
    last: float

    def rate(self, t: Tensor) -> Tensor:
        """β(t)."""
        return self.first + t * (self.last - self.first)

    def log_mean(self, t: Tensor) -> Tensor:
        """log α(t)."""
        return -0.25 * t.square() * (self.last - self.first) - 0.5 * t * self.first

    def mean(self, t: Tensor) -> Tensor:
        """α(t)."""
        return self.log_mean(t).exp()

    def spread(self, t: Tensor) -> Tensor:
        """σ(t)."""
        return (-torch.expm1(2 * self.log_mean(t))).sqrt()

    def noised(self, u: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """u(t) of u(0)."""
        return self.mean(t) * u + self.spread(t) * noise

    def later(self, u: Tensor, t: Tensor, end: Tensor, noise: Tensor) -> Tensor:
        """u(end) of u(t), for t ≤ end."""
        log_mean = self.log_mean(end) - self.log_mean(t)
        return log_mean.exp() * u + (-torch.expm1(2 * log_mean)).sqrt() * noise

    def earlier(self, u: Tensor, t: Tensor, step: float, score: Tensor, noise: Tensor | float) -> Tensor:
        """u(t − step) of u(t) by a step of Euler and Maruyama: u + step · [½ β u + β ∇ log p_t(u)] + √(β step) ε.

        Source: Song et al. 2021, Eq. 6.
        """
        rate = self.rate(t)
        return u + step * rate * (0.5 * u + score) + (rate * step).sqrt() * noise

    def reverse(
        self,
        score: Score,
        known: Float[Tensor, "*lead B D"],
        held: Bool[Tensor, "*lead B D"],
        steps: int,
        repeats: int = 1,
        jump: int = 10,
    ) -> Float[Tensor, "*lead B D"]:
        """u(0) from noise u(1), in ``steps`` steps back in which ``held`` coordinates are those of ``known``; the last
        step adds no noise.

        With ``repeats`` every ``jump`` steps, but the first, are gone so often: back, and noised again by as much
        (RePaint, Lugmayr et al. 2022, https://arxiv.org/abs/2201.09865).
        """
        shape, step = tuple(known.shape), 1 / steps
        times = torch.arange(steps + 1, dtype=known.dtype, device=known.device) * step
        u = torch.where(held, known, normal_noise(shape, known))
        for number, again in visited(steps, repeats, jump):
            if again is not None:
                u = torch.where(held, known, self.later(u, times[again], times[number], normal_noise(shape, known)))
            noise = normal_noise(shape, known) if number > 1 else 0.0
            back = self.earlier(u, times[number], step, score(u, times[number]), noise)
            u = torch.where(held, known, back)
        return u


def visited(steps: int, repeats: int, jump: int) -> Iterator[tuple[int, int | None]]:
    """The numbers of the times, ``steps`` to 1, that steps back begin at; with each the number of the time that noise
    leads from to there, where it does.

    >>> list(visited(4, 2, 2))
    [(4, None), (3, None), (2, None), (1, None), (2, 0), (1, None)]
    """
    high = steps
    while high > 0:
        low = (high - 1) // jump * jump
        for repeat in range(repeats if high < steps else 1):
            yield from ((number, low if repeat and number == high else None) for number in range(high, low, -1))
        high = low
