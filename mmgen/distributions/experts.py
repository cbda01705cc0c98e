"""One Gaussian out of several: products, weighted products and means of experts, under masks.

``experts`` are ``[M, B, D]``. ``given`` says which of them each row may use: ``Bool[..., B, M]``, with any number of
leading dimensions (subsets, say), all handled at once. A row for which nothing is given gets N(0, I).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from .gaussian import Gaussian
from .products import Products, weighted_sum


def everything(experts: Gaussian) -> Bool[Tensor, "B M"]:
    """The mask that gives all modalities to every row."""
    modalities, rows = experts.mean.shape[:2]
    return torch.ones(rows, modalities, dtype=torch.bool, device=experts.mean.device)


def singletons(available: Bool[Tensor, "B M"]) -> Bool[Tensor, "M B M"]:
    """The M subsets of one modality each, where it is available."""
    alone = torch.eye(available.shape[-1], dtype=torch.bool, device=available.device)
    return alone[:, None] & available


def over_modalities(values: Float[Tensor, "*lead B M"]) -> Float[Tensor, "*lead B"]:
    """Σ_m values[..., m], as a product with ones: ten times as quick as a reduction (or ``any``, ``all`` of a mask)
    over so few numbers.
    """
    with torch.autocast(values.device.type, enabled=False):
        return values @ torch.ones(values.shape[-1], dtype=values.dtype, device=values.device)


def product_of_experts(
    experts: Gaussian,
    given: Bool[Tensor, "*lead #B M"] | None = None,
    *,
    weights: Float[Tensor, "*lead_or_none #M"] | None = None,
    prior: bool | float | Float[Tensor, "*lead_prior #B"] = False,
    reference: Gaussian | None = None,
) -> Products:
    """The normalised product Π_m q_m^{w_m} · p^{w_0} over the given experts: again a Gaussian, ``[..., B, D]``.

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use, or ``[..., 1, M]`` if that is the same for all, which is quicker;
            everything by default.
        weights: Exponents w_m, one per modality or ``[..., B, M]`` (or ``[..., B, 1]``, the same for all); 1 by
            default.
        prior: Exponent w_0 of p: a number, or one per row and subset ``[..., B]``.
        reference: p, ``[B, D]``; N(0, I) by default.
    """
    mask = everything(experts) if given is None else given
    exponents = mask.to(experts.mean.dtype) if weights is None else mask * weights.to(experts.mean.dtype)
    standard = torch.as_tensor(prior, dtype=exponents.dtype, device=exponents.device)
    standard = torch.where(over_modalities(exponents) > 0, standard, 1.0)  # nothing given: p
    if reference is None:
        with_prior = experts.map(lambda value: F.pad(value, (0, 0, 0, 0, 0, 1)))  # its mean and log-variance are 0
    else:
        with_prior = Gaussian(
            torch.cat([experts.mean, reference.mean[None]]),
            torch.cat([experts.log_variance, reference.log_variance[None]]),
        )
    return Products(with_prior, torch.cat([exponents.expand(*standard.shape, -1), standard[..., None]], -1))


def geometric_mean(
    experts: Gaussian,
    given: Bool[Tensor, "*lead B M"] | None = None,
    *,
    weights: Float[Tensor, " M"] | None = None,
    prior: bool | float | Float[Tensor, "*lead_prior B"] = False,
    reference: Gaussian | None = None,
) -> Gaussian:
    """The product of the given experts with exponents that sum to one.

    The "dynamic prior" of Sutter et al. 2020 (https://arxiv.org/abs/2006.08242), Eq. 8.

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use; all by default.
        weights: Positive weights, in proportion to which the experts have their exponents; equal by default.
        prior: The weight of p, as of one more expert: a number, or one per row and subset ``[..., B]``; True is 1.
        reference: p, ``[B, D]``; N(0, I) by default.
    """
    mask = everything(experts) if given is None else given
    shares = mask.to(experts.mean.dtype) if weights is None else mask * weights.to(experts.mean.dtype)
    standard = torch.as_tensor(prior, dtype=shares.dtype, device=shares.device)
    total = shares.sum(-1) + standard
    total = total.where(total > 0, 1.0)
    return product_of_experts(
        experts, mask, weights=shares / total[..., None], prior=standard / total, reference=reference
    )


def mean_of_experts(
    experts: Gaussian,
    given: Bool[Tensor, "*lead B M"] | None = None,
    *,
    average: Literal["variance", "scale"] = "variance",
) -> Gaussian:
    """The Gaussian whose mean is the mean of the given means, and whose variance (or scale) is the mean of theirs.

    "Unity by Diversity", Eqs. 15 and 16 (after Hosoya 2018).
    """
    mask = everything(experts) if given is None else given
    count = mask.sum(-1, keepdim=True)
    share = mask / count.clamp(min=1).to(experts.mean.dtype)
    mean = weighted_sum(share, experts.mean)
    spread = weighted_sum(share, experts.variance if average == "variance" else experts.scale)
    spread = torch.where(count > 0, spread, torch.ones_like(spread))
    return Gaussian(mean, (1 if average == "variance" else 2) * spread.log())
