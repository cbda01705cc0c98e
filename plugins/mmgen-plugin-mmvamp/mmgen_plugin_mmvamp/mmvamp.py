"""MM-VAMP VAE: every posterior is softly pulled towards its siblings."""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import (
    Gaussian,
    Mixture,
    kl_divergence,
    kl_gaussians,
    standard_normal,
)

Estimator = Literal["pairwise", "mc", "variational"]


class MMVAMPConfig(ObjectiveConfig):
    """Options of :class:`MMVAMP`."""

    only_with = {
        "standard_normal_weight": {"anneal_steps": (None,)},
        "warmup_steps": {"estimator": ("mc", "variational")},
    }

    estimator: Estimator = Field(
        "pairwise",
        description="Of the divergence: 'pairwise' is the closed-form upper bound that the released code optimises, "
        "'mc' the KL to the mixture as in the paper, by Monte Carlo, 'variational' a closed-form upper bound between "
        "the two.",
    )
    samples: int = Field(1, ge=1, description="Samples per posterior for the reconstructions and for 'mc'.")
    standard_normal_weight: float = Field(
        0.0, ge=0, le=1, description="Weight α of N(0, I) in the prior; 1 gives independent VAEs."
    )
    anneal_steps: float | None = Field(
        None,
        gt=0,
        description="α(t) = exp(t ln(1e-10) / anneal_steps) at optimiser step t instead of a fixed weight; the "
        "released image scripts use 300000.",
    )
    warmup_steps: int = Field(
        0,
        ge=0,
        description="Optimiser steps with 'pairwise' before the chosen estimator; ours, for 'mc' and 'variational', "
        "together with a larger β.",
    )


class MMVAMP(Objective):
    r"""MM-VAMP VAE: each modality keeps its own latent, with the mixture of all posteriors as the prior of each.

    .. math::
        \sum_m \mathbb E_{q_m} \log p(x_m|z_m) - \beta R, \qquad
        R = \sum_m \mathrm{KL}\Big(q_m \,\Big\|\, \tfrac1M \sum_j q_j\Big) = M \cdot \mathrm{JS}(q_1, \dots, q_M)

    Estimators of R, each at least as large as the one before (0 ≤ R ≤ M log M):

    - ``mc``: :math:`\sum_m \mathbb E_{q_m}[\log q_m(z) - \log \tfrac1M \sum_j q_j(z)]` by the samples that are decoded.
    - ``variational``: :math:`-\sum_m \log \tfrac1M \sum_j \exp(-\mathrm{KL}(q_m \| q_j))`, by Jensen.
    - ``pairwise``: :math:`\tfrac1M \sum_m \sum_j \mathrm{KL}(q_m \| q_j)`, by convexity; never saturates.

    With a weight α of N(0, I) the prior is :math:`\alpha\, \mathcal N(0, I) + \tfrac{1-\alpha}{M} \sum_j q_j`, and the
    bounds change with it: ``pairwise`` becomes :math:`\sum_m \{\alpha\, \mathrm{KL}(q_m \| \mathcal N(0, I)) +
    \tfrac{1-\alpha}{M} \sum_j \mathrm{KL}(q_m \| q_j)\}`.

    ``warmup_steps`` is ours, not the paper's: the first so many optimiser steps minimise ``pairwise`` whatever the
    estimator, and so start ``mc`` and ``variational`` from aligned posteriors. They stay aligned only with a larger β
    (docs/methods/mmvamp.md).

    Gradients flow through both arguments of every KL. Rows that lack modalities sum and average over those that they
    have. After training a single modality has the posterior q_m, and several a uniform mixture (which the paper leaves
    undefined).

    Source: "Unity by Diversity" (https://arxiv.org/abs/2403.05300), sections 3 and 4. Deviation: the default estimator
    is the one of the released code, ``pairwise``; ``mc`` costs at most β M log M, reached with disjoint posteriors,
    where its gradient vanishes (docs/methods/mmvamp.md).
    """

    Config = MMVAMPConfig
    aggregator, prior = "none", "mixture"
    aggregators, priors = ("none",), ("mixture",)
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        z = experts.rsample((self.config.samples,))  # [K, M, B, D]
        log_likelihood = model.log_likelihood(z.transpose(0, 1), batch, per_modality=True).mean(1)  # [M, B]
        return Terms(log_likelihood, self.divergence(model, experts, batch.available, z))

    def divergence(
        self, model: Model, experts: Gaussian, available: Bool[Tensor, "B M"], z: Float[Tensor, "K M B D"]
    ) -> Float[Tensor, " B"]:
        """The chosen estimate of R; rows that have no modality have 0."""
        estimator, warmup = self.config.estimator, self.config.warmup_steps
        to_prior = self._estimate(estimator, model, experts, available, z)
        if warmup and estimator != "pairwise":
            pairwise = self._estimate("pairwise", model, experts, available, z)
            to_prior = torch.where(self.step < warmup, pairwise, to_prior)
        return to_prior.where(available.T, 0.0).sum(0)

    def _estimate(
        self,
        estimator: Estimator,
        model: Model,
        experts: Gaussian,
        available: Bool[Tensor, "B M"],
        z: Float[Tensor, "K M B D"],
    ) -> Float[Tensor, "M B"]:
        """Each modality's divergence from the prior; it means nothing for modalities that a row lacks."""
        log_alpha, log_rest = self._log_weights(experts.mean)
        q, prior = experts[:, None], self.prior_for(model, experts, available)  # a mixture of M components
        if estimator == "mc":
            return kl_divergence(experts, _with_standard_normal(prior, log_alpha, log_rest), z)
        to_siblings = kl_gaussians(q, prior.components[None])  # [M, M, B]
        to_normal = kl_gaussians(experts, standard_normal(experts))  # [M, B]
        log_share = log_rest + prior.log_weights  # [M, B]
        if estimator == "variational":
            exponents = torch.cat([(log_alpha - to_normal)[:, None], log_share - to_siblings], 1)
            return -exponents.logsumexp(1)  # never all of them −∞
        return log_alpha.exp() * to_normal + (log_share.exp() * to_siblings).sum(1)

    def _log_weights(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """log α and log(1 − α), α being the weight of N(0, I) at this step; −∞ for a weight of 0."""
        if self.config.anneal_steps is None:
            log_alpha = like.new_tensor(self.config.standard_normal_weight, dtype=torch.float64).log()
        else:
            log_alpha = self.step.double() * (math.log(1e-10) / self.config.anneal_steps)
        return log_alpha.to(like.dtype), (-torch.expm1(log_alpha)).log().to(like.dtype)


def _with_standard_normal(mixture: Mixture, log_alpha: Tensor, log_rest: Tensor) -> Mixture:
    """The mixture with N(0, I) as one more component of weight α."""
    experts = cast(Gaussian, mixture.components)
    standard = standard_normal(experts[:1])
    components = Gaussian(
        torch.cat([experts.mean, standard.mean]), torch.cat([experts.log_variance, standard.log_variance])
    )
    return Mixture(
        components, torch.cat([mixture.log_weights + log_rest, log_alpha.expand_as(mixture.log_weights[:1])])
    )
