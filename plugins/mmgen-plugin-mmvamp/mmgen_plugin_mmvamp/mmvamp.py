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
from mmgen.options import Unless

Estimator = Literal["pairwise", "mc", "variational"]


class MMVAMPConfig(ObjectiveConfig):
    """Options of :class:`MMVAMP`."""

    only_with = {
        "annealing": {"anneal_steps": Unless(None)},
        "initial_weight": {"anneal_steps": Unless(None)},
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
        0.0,
        ge=0,
        le=1,
        description="Weight α of N(0, I) in the prior; 1 gives independent VAEs. With 'anneal_steps' that of the end.",
    )
    anneal_steps: float | None = Field(
        None,
        gt=0,
        description="Optimiser steps T in which the weight goes from 'initial_weight' to 'standard_normal_weight'; "
        "300000 in the released image scripts, 150000 in those of the NeurIPS paper for CelebA.",
    )
    annealing: Literal["exponential", "linear", "cosine"] = Field(
        "exponential", description="How it goes there; the released code has all three and uses the first."
    )
    initial_weight: float = Field(1.0, gt=0, le=1, description="Weight of N(0, I) at the first step.")
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
    \tfrac{1-\alpha}{M} \sum_j \mathrm{KL}(q_m \| q_j)\}`. With ``anneal_steps`` T the weight at optimiser step t is
    :math:`\alpha_0 r^{t/T}` with :math:`r = (\alpha_T + 10^{-10}) / (\alpha_0 + 10^{-10})`, until it is at
    :math:`\alpha_T`, or goes there linearly or along half a cosine.

    ``warmup_steps`` is ours, not the paper's: the first so many optimiser steps minimise ``pairwise`` whatever the
    estimator, and so start ``mc`` and ``variational`` from aligned posteriors. They stay aligned only with a larger β
    (docs/methods/mmvamp.md).

    Gradients flow through both arguments of every KL. Rows that lack modalities sum and average over those that they
    have. After training a single modality has the posterior q_m, and several a uniform mixture (which the paper leaves
    undefined).

    Source: "Unity by Diversity" (https://arxiv.org/abs/2403.05300), sections 3 and 4; as "MMVM VAE" at NeurIPS 2024,
    whose code has the same objective. Deviation: the default estimator is the one of both released codes, ``pairwise``;
    ``mc`` costs at most β M log M, reached with disjoint posteriors, where its gradient vanishes
    (docs/methods/mmvamp.md).
    """

    Config = MMVAMPConfig
    family = "data-dependent-priors"
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
        options = self.config
        last, first = options.standard_normal_weight, options.initial_weight
        log_last = math.log(last) if last else -math.inf
        if options.anneal_steps is None:
            log_alpha = like.new_tensor(log_last, dtype=torch.float64)
        elif options.annealing == "exponential":
            rate = (math.log(last + 1e-10) - math.log(first + 1e-10)) / options.anneal_steps
            ends = sorted((math.log(first), log_last))
            log_alpha = (math.log(first) + self.step.double() * rate).clamp(*ends)
        else:
            share = (self.step.double() / options.anneal_steps).clamp(max=1)
            left = 1 - share if options.annealing == "linear" else (1 + torch.cos(math.pi * share)) / 2
            log_alpha = (last + (first - last) * left).log()
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
