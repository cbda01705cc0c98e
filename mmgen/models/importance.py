"""Importance-weighted bounds of mixture posteriors: one logarithm over all draws, or one for every component."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .terms import Terms


def importance_weighted(
    log_likelihood: Float[Tensor, "M K C B"],
    log_ratio: Float[Tensor, "K C B"],
    log_shares: Float[Tensor, "C B"],
    beta: float | Float[Tensor, ""],
    *,
    tight: bool,
) -> tuple[Terms, Float[Tensor, "K C B"]]:
    r"""The terms of a bound by K draws of each of C components with shares s, and the normalised weights ŵ of its
    logarithms.

    .. math::
        \text{tight:} \ \log \tfrac1K \sum_c s_c \sum_k w_c^k, \qquad
        \text{otherwise:} \ \sum_c s_c \log \tfrac1K \sum_k w_c^k, \qquad
        \log w_c^k = \sum_m \log p(x_m|\cdot) - \beta\, \ell_c^k

    By log-mean-exp(log w) = Σ ŵ log w − KL(ŵ ‖ uniform) with ŵ constant, ``log_likelihood`` and ``divergence`` are
    means under ŵ, and ``importance`` is −KL(ŵ ‖ uniform). Their sum has exactly the value and gradient of the bound at
    this β, and bounds it from below at any other.

    Args:
        log_likelihood: log p(x_m | ·) of every draw, nats.
        log_ratio: ℓ = log q − log p of what was drawn, nats.
        log_shares: log s, which sum to one over C; −∞ where a row lacks a component.
        beta: The model's β.
        tight: Whether one logarithm is over all draws, which is the larger bound; otherwise one over each component's.

    Returns:
        Terms with ``importance`` ``[B]`` among the others, and ŵ, which sums to one under each logarithm.

    Source: Burda et al. 2016 (IWAE, https://arxiv.org/abs/1509.00519), Eq. 8; Shi et al. 2019 (MMVAE,
    https://arxiv.org/abs/1911.03393), section 3 and the released code.
    """
    with torch.no_grad():
        log_w, log_samples = log_likelihood.sum(0) - beta * log_ratio, math.log(len(log_ratio))
        if tight:
            shared = log_w + log_shares
            normalised = share = shared.flatten(0, 1).softmax(0).view_as(shared)
            value = shared.logsumexp((0, 1)) - log_samples
        else:
            normalised, shares = log_w.softmax(0), log_shares.exp()
            share, value = shares * normalised, (shares * (log_w.logsumexp(0) - log_samples)).sum(0)
    others = {"importance": value - (share * log_w).sum((0, 1))}
    return Terms((share * log_likelihood).sum((1, 2)), (share * log_ratio).sum((0, 1)), others), normalised


def reparameterise_again(draw: Float[Tensor, "*lead D"], normalised: Float[Tensor, "*lead"]) -> None:
    """Multiply the gradient that flows into a draw by its normalised weight ŵ once more.

    With the parameters of q as constants in log w that is the doubly reparameterised gradient, of Tucker et al. 2019
    (https://arxiv.org/abs/1810.04152).

    Args:
        draw: Reparameterised draws; without a gradient nothing happens.
        normalised: ŵ of each, of :func:`importance_weighted`.
    """
    if draw.requires_grad:
        draw.register_hook(lambda gradient: gradient * normalised[..., None])
