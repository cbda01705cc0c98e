"""CRMVAE: unimodal posteriors are coordinated with the joint one, and each reconstructs its own modality."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import kl_divergence, singletons


class CRMVAEConfig(ObjectiveConfig):
    """Options of :class:`CRMVAE`."""

    reconstruction: Literal["pi", "half-pi", "one"] = Field(
        "pi",
        description="Coefficient c of the likelihoods: π = 1/(M+1) as in the paper's main text, π/2 as in its "
        "Appendix H (and in MultiVae), or 1, for comparison with MVTCAE.",
    )
    unimodal: bool = Field(
        True,
        description="Whether each modality is also reconstructed from its own posterior; without it, the paper's "
        "ablation.",
    )


class CRMVAE(Objective):
    r"""CRMVAE: a joint posterior close to the prior and to every unimodal one, each of which reconstructs its modality.

    .. math::
        c \Big[ \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) + \sum_m \mathbb E_{q(z|x_m)} \log p(x_m|z) \Big]
        - \beta \pi \Big[ \mathrm{KL}(q(z|X) \| p) + \sum_m \mathrm{KL}(q(z|X) \| q(z|x_m)) \Big], \quad
        \pi = \tfrac1{M+1}

    The KLs are forward, joint ‖ unimodal. Nothing is generated from another modality in training: the joint latent is
    decoded to all modalities, the latent of a modality to itself. Both go through each decoder in one call.

    Posterior, in training and afterwards: the product of the given experts with N(0, I) as one of them, for single
    modalities too, q(z|x_S) ∝ p(z) Π_{m∈S} q(z|x_m). ``aggregator.prior_expert=none`` is MultiVae's reading, with the
    raw experts for single modalities. Any aggregator with one distribution for every subset can stand in its place;
    where that is no Gaussian, KLs are estimated by the latents that are decoded.

    Rows that lack modalities train exactly: M counts those that a row has. Not a bound of log p(X).

    Source: "Mitigating the limitations of multimodal VAEs with coordination-based approach", Eq. 8. The paper gives two
    coefficients c, which differ like a factor of 2 in β (``reconstruction``); the default is the main text's.
    ``unimodal=false`` is MVTCAE with prior experts whose likelihoods have the coefficient c.
    """

    Config = CRMVAEConfig
    family = "products-of-experts"
    aggregator, prior = "poe", "normal"
    aggregators, priors = "single", ("normal", "scaled-normal", "laplace", "vamp", "flow")
    component_defaults = {"aggregator": {"prior_expert": "all"}}
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        joint = self.aggregate(experts, batch.available).components[0]  # [B, D]
        single = self.aggregate(experts, singletons(batch.available)).components[:, 0]  # [M, B, D]
        pi = 1 / (batch.available.sum(-1, dtype=joint.mean.dtype) + 1)  # [B]
        c = {"pi": pi, "half-pi": pi / 2, "one": torch.ones_like(pi)}[self.config.reconstruction]
        z = joint.rsample()  # [B, D]
        latents = z.expand_as(experts.mean)[:, None]  # [M, 1, B, D]
        if self.config.unimodal:
            latents = torch.cat([latents, single.rsample()[:, None]], 1)  # [M, 2, B, D]
        log_likelihood = model.log_likelihood(latents, batch, per_modality=True).sum(1)  # [M, B]
        coordination = kl_divergence(joint, single, z).where(batch.available.T, 0.0).sum(0)
        to_prior = kl_divergence(joint, self.prior_for(model, experts, batch.available), z)
        return Terms(c * log_likelihood, pi * (to_prior + coordination))
