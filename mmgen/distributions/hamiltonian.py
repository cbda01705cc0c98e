"""Draws from an unnormalised density: Hamiltonian Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .random import normal_noise, uniform_noise


def hamiltonian(
    log_density: Callable[[Float[Tensor, "*lead B D"]], Float[Tensor, "*lead B"]],
    start: Float[Tensor, "*lead B D"],
    *,
    steps: int,
    leapfrog: int,
    step_size: float,
) -> tuple[Float[Tensor, "*lead B D"], Float[Tensor, "*lead B"]]:
    """Where ``steps`` steps of Hamiltonian Monte Carlo lead, with one chain for every row.

    A step draws a momentum r ~ N(0, I), follows the energy −log p(z) + ½ |r|² for ``leapfrog`` leaps of ``step_size``,
    and goes there with the probability min(1, exp(energy before − energy after)); where the energy there is no number,
    it stays. Chains do not see each other. The result has no gradients.

    Source: Duane et al. 1987; Neal 2011 (https://arxiv.org/abs/1206.1901), section 3.2, with unit masses.

    Args:
        log_density: log p up to a constant, of every row, with a gradient.
        start: Where chains begin.
        steps: How many steps.
        leapfrog: Leaps of each step.
        step_size: Of a leap, in units of z.

    Returns:
        The last places, and the share of the steps that was taken.
    """
    z = start.detach()
    value, gradient = _with_gradient(log_density, z)
    taken = torch.zeros_like(value)
    for _ in range(steps):
        momentum = normal_noise(tuple(z.shape), z)
        before = 0.5 * momentum.square().sum(-1) - value
        new, new_value, new_gradient = z, value, gradient
        for _ in range(leapfrog):
            momentum = momentum + 0.5 * step_size * new_gradient
            new = new + step_size * momentum
            new_value, new_gradient = _with_gradient(log_density, new)
            momentum = momentum + 0.5 * step_size * new_gradient
        after = 0.5 * momentum.square().sum(-1) - new_value
        accepted = uniform_noise(tuple(value.shape), value).log() < before - after  # false beside what is no number
        z, gradient = (torch.where(accepted[..., None], *pair) for pair in ((new, z), (new_gradient, gradient)))
        value = torch.where(accepted, new_value, value)
        taken = taken + accepted
    return z, taken / max(steps, 1)


def _with_gradient(log_density: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        place = z.detach().requires_grad_()
        value = log_density(place)
        (gradient,) = torch.autograd.grad(value.sum(), place)
    return value.detach(), gradient
