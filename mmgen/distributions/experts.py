"""One Gaussian out of several: products, weighted products, means and barycentres of experts, under masks.

``experts`` are ``[M, B, D]``. ``given`` says which of them each row may use: ``Bool[..., B, M]``, with any number of
leading dimensions (subsets, say), all handled at once. A row for which nothing is given gets N(0, I).
"""

from __future__ import annotations

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


def mean_of_experts(experts: Gaussian, given: Bool[Tensor, "*lead B M"] | None = None) -> Gaussian:
    """The Gaussian whose mean is the mean of the given means, and whose variance is the mean of their variances.

    "Unity by Diversity", Eq. 15 (after Hosoya 2018), with variances in the place of the scales of Eq. 16, which are
    those of the :func:`barycentre`.
    """
    mask = everything(experts) if given is None else given
    mean, variance = _average(experts.mean, experts.variance, shares(mask, experts.mean), mask)
    return Gaussian(mean, variance.log())


def barycentre(
    experts: Gaussian,
    given: Bool[Tensor, "*lead B M"] | None = None,
    *,
    log_weights: Float[Tensor, " M"] | None = None,
) -> Gaussian:
    """The Wasserstein-2 barycentre of the given Gaussians: the argmin over q of Σ_m λ_m W₂(q, q_m)².

    For diagonal Gaussians it is the Gaussian with the mean Σ_m λ_m μ_m and the scale Σ_m λ_m σ_m, in each dimension
    (Agueh & Carlier 2011, https://doi.org/10.1137/100805741, for Gaussians that commute; with equal weights "Unity by
    Diversity", Eqs. 15 and 16).

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use; all by default.
        log_weights: Logarithms of the weights λ, which are divided by their sum over what is given; equal by default.
    """
    mask = everything(experts) if given is None else given
    mean, scale = _average(experts.mean, experts.scale, shares(mask, experts.mean, log_weights), mask)
    return Gaussian(mean, 2 * scale.log())


def weighted_product(
    experts: Gaussian, given: Bool[Tensor, "*lead B M"], log_weights: Float[Tensor, "M D"]
) -> Gaussian:
    """The generalised product of the given experts Π_m q_m^{α_m}, with exponents per modality and dimension that sum to
    one over what is given: α_md = w_md / Σ_{j given} w_jd.

    It has the precision T_d = Σ_m α_md T_md and the mean Σ_m α_md T_md μ_md / T_d (Cao & Fleet 2014,
    https://arxiv.org/abs/1410.7827).

    Args:
        experts: ``[M, B, D]``.
        given: Which experts each row may use.
        log_weights: log w.
    """
    weights = (log_weights - log_weights.detach().amax(0)).exp()[:, None]  # [M, 1, D]
    mask, precision = given.to(experts.mean.dtype), experts.precision
    parts = torch.cat([weights.expand_as(precision), weights * precision, weights * precision * experts.mean], -1)
    total, weighed, pull = weighted_sum(mask, parts).chunk(3, -1)
    some = total > 0
    total, weighed = torch.where(some, total, 1.0), torch.where(some, weighed, 1.0)
    return Gaussian(pull / weighed, total.log() - weighed.log())


def shares(
    given: Bool[Tensor, "*lead B M"], like: Tensor, log_weights: Float[Tensor, " M"] | None = None
) -> Float[Tensor, "*lead B M"]:
    """Weights of the experts that sum to one over what is given, equal by default; 0 elsewhere, and where nothing
    is.
    """
    if log_weights is None:
        return given / given.sum(-1, keepdim=True).clamp(min=1).to(like.dtype)
    logits = log_weights.to(like.dtype).expand(given.shape).masked_fill(~given, -torch.inf)
    return logits.masked_fill(~given.any(-1, keepdim=True), 0.0).softmax(-1) * given


def _average(
    mean: Float[Tensor, "M B D"],
    spread: Float[Tensor, "M B D"],
    share: Float[Tensor, "*lead B M"],
    given: Bool[Tensor, "*lead B M"],
) -> tuple[Tensor, Tensor]:
    """Σ_m share_m mean_m and Σ_m share_m spread_m; 0 and 1 where nothing is given."""
    spread = weighted_sum(share, spread)
    nothing = given.sum(-1, keepdim=True) == 0
    return weighted_sum(share, mean), torch.where(nothing, torch.ones_like(spread), spread)
