"""Mixtures of pools of subsets, as a mixture of products is one of products."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from mmgen import Aggregator, AggregatorConfig
from mmgen.distributions import Gaussian, Mixture, barycentre, hellinger_pool, subsets_within, uniform_log_weights

POOLS = {"barycentre": barycentre, "moment-matched": hellinger_pool}


class MixtureOfPoolsConfig(AggregatorConfig):
    """Options of :class:`MixtureOfPools`."""

    pool: Literal["barycentre", "moment-matched"] = Field(
        "barycentre", description="Of each subset: the Wasserstein barycentre of its experts, or their Hellinger pool."
    )
    max_subsets: int = Field(
        1023,
        ge=1,
        description="The powerset is listed up to this many subsets; above it, this many are drawn for each step.",
    )


class MixtureOfPools(Aggregator):
    """Mixture of pools of experts: training draws from the uniform mixture of the pools q_S of all non-empty subsets S
    of what is given.

    A known subset has the posterior q_S itself: the core's aggregator of the pool's name, with equal weights. Where 2^M
    − 1 exceeds ``max_subsets``, subsets are drawn uniformly, which leaves every expectation unbiased. N(0, I) is none
    of the experts.

    Source: with ``barycentre`` Qiu et al. 2025 (MWB-VAE, https://arxiv.org/abs/2412.20487), with ``moment-matched`` the
    MoHELVAE of the released code of Vo & Valera 2026 (https://arxiv.org/abs/2601.06572).
    """

    Config = MixtureOfPoolsConfig

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., S, B, D]``; a subset that a row cannot have gets weight 0 there."""
        subsets, possible = subsets_within(given, self.config.max_subsets)
        log_weights = uniform_log_weights(possible.movedim(-2, -1), experts.mean.dtype)
        return Mixture(POOLS[self.config.pool](experts, subsets), log_weights)

    def infer(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The pool of what is given, ``[..., 1, B, D]``."""
        return Mixture.of(POOLS[self.config.pool](experts, given))
