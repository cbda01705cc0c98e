"""The core's aggregators: product, mixture, mixture of products and mean of experts, and one latent per modality."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from ..distributions import (
    Component,
    Gaussian,
    Mixture,
    mean_of_experts,
    mixture_of_experts,
    over_modalities,
    product_of_experts,
    subsets_within,
    uniform_log_weights,
)
from .aggregator import Aggregator, AggregatorConfig

PriorExpert = Literal["all", "full", "none"]


def _product(experts: Gaussian, given: Tensor, prior_expert: PriorExpert) -> Gaussian:
    """The product of the given experts; N(0, I) is one of them for all subsets, only where all M modalities are given,
    or never.
    """
    if given.stride(-2) == 0:  # one row for all
        given = given[..., :1, :]
    if prior_expert == "full":
        everything = over_modalities(given.to(experts.mean.dtype)) == given.shape[-1]
        return product_of_experts(experts, given, prior=everything.to(experts.mean.dtype))
    return product_of_experts(experts, given, prior=prior_expert == "all")


class ProductConfig(AggregatorConfig):
    """Options of :class:`ProductOfExperts`."""

    prior_expert: PriorExpert = Field(
        "all", description="Where N(0, I) is one of the experts: in all products, only in the full one, or in none."
    )


class ProductOfExperts(Aggregator):
    """Product of experts: q(z|x_S) ∝ p(z) Π_{m∈S} q(z|x_m), one Gaussian.

    Source: Wu & Goodman 2018 (MVAE), Eq. 4; with ``prior_expert=none`` Hwang et al. 2021 (MVTCAE).
    """

    Config = ProductConfig
    mixes = False

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., 1, B, D]``."""
        log_weights = torch.zeros(given.shape[:-1], dtype=experts.mean.dtype, device=given.device)
        return Mixture(_product(experts, given.unsqueeze(-3), self.config.prior_expert), log_weights.unsqueeze(-2))


class MixtureOfExperts(Aggregator):
    """Mixture of experts: q(z|x_S) = 1/|S| Σ_{m∈S} q(z|x_m), M Gaussians.

    Source: Shi et al. 2019 (MMVAE), Eq. 3.
    """

    def forward(self, experts: Component, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., M, B, D]``, of Gaussian or Laplace experts."""
        return mixture_of_experts(experts, given)


class MixtureOfProductsConfig(AggregatorConfig):
    """Options of :class:`MixtureOfProducts`."""

    prior_expert: PriorExpert = Field(
        "full", description="Where N(0, I) is one of the experts; 'full' is what the released code does."
    )
    max_subsets: int = Field(
        1023,
        ge=1,
        description="The powerset is listed up to this many subsets; above it, this many are drawn for each step.",
    )


class MixtureOfProducts(Aggregator):
    """Mixture of products of experts: training draws from the uniform mixture of q_S = PoE(S) over all non-empty
    subsets S of what is given.

    A known subset has the posterior q_S itself. Where 2^M − 1 exceeds ``max_subsets``, subsets are drawn uniformly,
    which leaves every expectation unbiased.

    Source: Sutter et al. 2021 (MoPoE-VAE), Eqs. 5 and 6.
    """

    Config = MixtureOfProductsConfig

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., S, B, D]``; a subset that a row cannot have gets weight 0 there."""
        subsets, possible = subsets_within(given, self.config.max_subsets)
        log_weights = uniform_log_weights(possible.movedim(-2, -1), experts.mean.dtype)
        return Mixture(_product(experts, subsets, self.config.prior_expert), log_weights)

    def infer(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """PoE(S), ``[..., 1, B, D]``."""
        return Mixture.of(_product(experts, given, self.config.prior_expert))


class MeanOfExperts(Aggregator):
    """Mean of experts: one Gaussian with the mean of the means and the mean of the variances.

    The mean of the standard deviations instead is the aggregator ``barycentre``.

    Source: "Unity by Diversity", Eqs. 15 and 16, after Hosoya 2018; Eq. 16 prints scales, the released code for images
    averages variances.
    """

    mixes = False

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., 1, B, D]``."""
        return Mixture.of(mean_of_experts(experts, given))


class OwnLatents(Aggregator):
    """No aggregation: each modality keeps its own latent z_m ~ q(z|x_m), and several given ones are a uniform mixture.

    Source: "Unity by Diversity", section 3; the mixture for several given modalities is ours, the paper leaves it
    undefined.
    """

    shared, mixes = False, False

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., M, B, D]``."""
        return mixture_of_experts(experts, given)
