"""One Gaussian out of several: products, weighted products and means of experts, under masks.

``experts`` are ``[M, B, D]``. ``given`` says which of them each row may use: ``Bool[..., B, M]``, with any number of leading dimensions (subsets, say), all
handled at once. A row for which nothing is given gets N(0, I).
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .gaussian import Gaussian


def everything(experts: Gaussian) -> Bool[Tensor, "B M"]:
    """The mask that gives all modalities to every row."""
    modalities, rows = experts.mean.shape[:2]
    return torch.ones(rows, modalities, dtype=torch.bool, device=experts.mean.device)


def singletons(available: Bool[Tensor, "B M"]) -> Bool[Tensor, "M B M"]:
    """The M subsets of one modality each, where it is available."""
    alone = torch.eye(available.shape[-1], dtype=torch.bool, device=available.device)
    return alone[:, None] & available


def over_modalities(values: Float[Tensor, "*lead B M"]) -> Float[Tensor, "*lead B"]:
    """Σ_m values[..., m], as a product with ones: ten times as quick as a reduction (or ``any``, ``all`` of a mask) over so few numbers."""
    with torch.autocast(values.device.type, enabled=False):
        return values @ torch.ones(values.shape[-1], dtype=values.dtype, device=values.device)


def _combine(weights: Tensor, values: Tensor) -> Tensor:
    """Σ_m weights[..., b, m] values[m, b, d], in the precision of ``values`` also where networks run in a lower one."""
    with torch.autocast(values.device.type, enabled=False):
        return torch.einsum("...bm,mbd->...bd", weights.to(values.dtype), values)


def product_of_experts(
    experts: Gaussian,
    given: Bool[Tensor, "*lead B M"] | None = None,
    *,
    weights: Float[Tensor, "*lead_or_none #M"] | None = None,
    prior: bool | float | Float[Tensor, "*lead_prior B"] = False,
) -> Gaussian:
    """The normalised product Π_m q_m^{w_m} · N(0, I)^{w_0} over the given experts: again a Gaussian, ``[..., B, D]``.

    With precisions T_m: T = w_0 + Σ_m w_m T_m and μ = Σ_m w_m T_m μ_m / T (Hinton 2002; Wu & Goodman 2018, Appendix A).

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use; all by default.
        weights: Exponents w_m, one per modality or ``[..., B, M]`` (or ``[..., B, 1]``, the same for all); 1 by default.
        prior: Exponent w_0 of the standard normal expert: a number, or one per row and subset ``[..., B]``.
    """
    mask = everything(experts) if given is None else given
    exponents = mask.to(experts.mean.dtype) if weights is None else mask * weights.to(experts.mean.dtype)
    precision = experts.precision
    total = _combine(exponents, precision)
    weighted_mean = _combine(exponents, precision * experts.mean)
    standard = torch.as_tensor(prior, dtype=total.dtype, device=total.device).expand(mask.shape[:-1])
    standard = torch.where(over_modalities(exponents) > 0, standard, torch.ones_like(standard))  # nothing given: N(0, I)
    total = total + standard[..., None]
    return Gaussian(weighted_mean / total, -total.log())


def geometric_mean(
    experts: Gaussian,
    given: Bool[Tensor, "*lead B M"] | None = None,
    *,
    weights: Float[Tensor, " M"] | None = None,
    prior: bool | float | Float[Tensor, "*lead_prior B"] = False,
) -> Gaussian:
    """The product of the given experts with exponents that sum to one.

    The "dynamic prior" of Sutter et al. 2020 (MMJSD), Eq. 8.

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use; all by default.
        weights: Positive weights, in proportion to which the experts have their exponents; equal by default.
        prior: The weight of N(0, I), as of one more expert: a number, or one per row and subset ``[..., B]``; True is 1.
    """
    mask = everything(experts) if given is None else given
    parts = mask.to(experts.mean.dtype) if weights is None else mask * weights.to(experts.mean.dtype)
    standard = torch.as_tensor(prior, dtype=parts.dtype, device=parts.device)
    total = parts.sum(-1) + standard
    total = total.where(total > 0, 1.0)
    return product_of_experts(experts, mask, weights=parts / total[..., None], prior=standard / total)


def mean_of_experts(
    experts: Gaussian, given: Bool[Tensor, "*lead B M"] | None = None, *, average: Literal["variance", "scale"] = "variance"
) -> Gaussian:
    """The Gaussian whose mean is the mean of the given means, and whose variance (or scale) is the mean of theirs.

    "Unity by Diversity", Eqs. 15 and 16 (after Hosoya 2018).
    """
    mask = everything(experts) if given is None else given
    count = mask.sum(-1, keepdim=True)
    share = mask / count.clamp(min=1).to(experts.mean.dtype)
    mean = _combine(share, experts.mean)
    spread = _combine(share, experts.variance if average == "variance" else experts.scale)
    spread = torch.where(count > 0, spread, torch.ones_like(spread))
    return Gaussian(mean, (1 if average == "variance" else 2) * spread.log())
