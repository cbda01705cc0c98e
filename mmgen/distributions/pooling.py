"""Pools of densities that are no product and no mixture, matched by one Gaussian."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .gaussian import Gaussian
from .products import weighted_sum


def hellinger_pool(
    experts: Gaussian, given: Bool[Tensor, "*lead B M"], *, log_weights: Float[Tensor, " M"] | None = None
) -> Gaussian:
    """The Gaussian with the mean and the variances of the Hölder pool with α = ½, h(z) ∝ (Σ_m w_m √q_m(z))².

    h minimises the weighted sum of squared Hellinger distances to the q_m. Its square is a sum over pairs, Σ_i Σ_j w_i
    w_j √(q_i q_j), each of which is a Gaussian up to a constant:

        √(q_i q_j) = b_ij N(z; μ_ij, σ_ij²),   σ_ij² = 2 / (T_i + T_j),   μ_ij = (T_i μ_i + T_j μ_j) / (T_i + T_j),
        b_ij = Π_d √(2 σ_i σ_j / (σ_i² + σ_j²)) exp(−(μ_i − μ_j)² / (4 (σ_i² + σ_j²))).

    So h is a mixture of M(M+1)/2 Gaussians with weights in proportion to w_i² and 2 w_i w_j b_ij, and its moments are
    those of a mixture. The q_m are densities of all D dimensions, and so is h: the overlaps b_ij are products over
    dimensions. In many dimensions experts that disagree overlap little, and h is nearly the mixture of the q_m with
    weights in proportion to w_m²; what is lost by matching it with one Gaussian is then that of a mixture.

    Source: Vo & Valera 2026 (HELVAE, https://arxiv.org/abs/2601.06572), the pool and its match by moments.

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use. A row for which nothing is given gets N(0, I).
        log_weights: Logarithms of the weights w, whatever their sum; equal by default.
    """
    one, other = torch.triu_indices(len(experts.mean), len(experts.mean), device=given.device)  # P pairs
    q, p = experts[one], experts[other]
    precision = q.precision + p.precision
    mean = (q.precision * q.mean + p.precision * p.mean) / precision  # [P, B, D]
    both = q.variance + p.variance
    log_overlap = 0.5 * (math.log(2) + 0.5 * (q.log_variance + p.log_variance) - both.log())
    log_overlap = (log_overlap - 0.25 * (q.mean - p.mean).square() / both).sum(-1)  # [P, B]
    log_weight = mean.new_zeros(len(experts.mean)) if log_weights is None else log_weights.to(mean.dtype)
    log_weight = log_weight.expand(given.shape).masked_fill(~given, -torch.inf)
    twice = math.log(2) * (one != other).to(mean.dtype)  # i ≠ j: both orders
    logits = log_weight[..., one] + log_weight[..., other] + log_overlap.T + twice
    nothing = ~given.any(-1, keepdim=True)
    weights = logits.masked_fill(nothing, 0.0).softmax(-1).masked_fill(nothing, 0.0)  # [..., B, P]
    pooled = weighted_sum(weights, mean)
    spread = weighted_sum(weights, 2 / precision)
    distance = (mean.movedim(0, -2) - pooled.unsqueeze(-2)).square()  # [..., B, P, D]
    variance = spread + (weights[..., None] * distance).sum(-2)
    return Gaussian(pooled, torch.where(nothing, torch.ones_like(variance), variance).log())
