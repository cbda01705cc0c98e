r"""Log-probabilities of counts that keep their digits when networks run in float32.

:math:`x \log \lambda - \lambda - \log x!` is a difference of numbers that are a million times as large as it is: at
counts of a million float32 would be wrong by a nat. So these differences, and those in their derivatives, are taken in
float64 and rounded once. Only the inputs are kept for the derivatives, in their own precision, and the derivatives can
be differentiated again.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


def log_poisson(x: Tensor, log_rate: Tensor) -> Tensor:
    """log Poisson(x; λ) of every value: counts of any type and log λ, in shapes that fit together."""
    return cast(Tensor, _Poisson.apply(x, log_rate))


def log_negative_binomial(x: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
    """log NB(x; μ, r) of every value, with the mean μ and the variance μ + μ²/r.

    Counts of any type, log μ and log r, in shapes that fit together.
    """
    return cast(Tensor, _NegativeBinomial.apply(x, log_mean, log_dispersion))


class _Poisson(torch.autograd.Function):
    """x log λ − λ − log x!."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, log_rate: Tensor) -> Tensor:
        """The values."""
        count, eta = x.double(), log_rate.double()
        return (count * eta - eta.exp() - torch.lgamma(count + 1)).to(_precision(log_rate))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], _: Tensor) -> None:
        """The inputs are kept."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        """x − λ."""
        x, log_rate = ctx.saved_tensors
        return None, _of(log_rate, gradient, x.double() - log_rate.double().exp())


class _NegativeBinomial(torch.autograd.Function):
    """log Γ(x+r)/(Γ(r) x!) + r log r + x log μ − (x + r) log(r + μ)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
        """The values."""
        count, eta, log_r = x.double(), log_mean.double(), log_dispersion.double()
        r = log_r.exp()
        total = count + r
        of_dispersion = r * log_r - torch.lgamma(r)
        coefficient = torch.lgamma(total) - torch.lgamma(count + 1) + of_dispersion
        return (coefficient + count * eta - total * (r + eta.exp()).log()).to(_precision(log_mean))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], _: Tensor) -> None:
        """The inputs are kept."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        """r (x − μ)/(r + μ) for log μ, and r [ψ(x+r) − ψ(r) + log r − log(r + μ) − (x − μ)/(r + μ)] for log r."""
        x, log_mean, log_dispersion = ctx.saved_tensors
        count, mean, log_r = x.double(), log_mean.double().exp(), log_dispersion.double()
        r = log_r.exp()
        both = r + mean
        surplus = (count - mean) / both
        to_mean = _of(log_mean, gradient, r * surplus) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[2]:
            return None, to_mean, None
        slope = torch.digamma(count + r) + (log_r - torch.digamma(r)) - both.log() - surplus
        return None, to_mean, _of(log_dispersion, gradient, r * slope)


def _precision(like: Tensor) -> torch.dtype:
    """That of the input, float32 at least."""
    return torch.promote_types(like.dtype, torch.float32)


def _of(like: Tensor, gradient: Tensor, slope: Tensor) -> Tensor:
    """The gradient for an input: rounded, and summed to its shape."""
    return (gradient * slope.to(gradient.dtype)).sum_to_size(like.shape).to(like.dtype)
