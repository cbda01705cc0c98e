"""DMVAE: private and shared latents, learned from all modalities together and from each alone."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import kl_divergence, singletons


class DMVAEConfig(ObjectiveConfig):
    """Options of :class:`DMVAE`."""

    combine: Literal["sum", "mean"] = Field(
        "sum", description="How the M + 1 bounds are put together: their sum as in the paper, or their mean."
    )
    shared_kl: Literal["once", "each"] = Field(
        "once",
        description="KL(q(z|·) ‖ p) in each bound: once, or with every one of the M modalities, as the library "
        "multi-view-AE counts it.",
    )


class DMVAE(Objective):
    r"""DMVAE: one evidence lower bound with z from all modalities, and one with z from each alone; every modality is
    decoded in all of them, with its own private latent.

    .. math::
        \mathcal L = \mathcal B\big(q(z|X)\big) + \sum_{k} \mathcal B\big(q(z|x_k)\big), \qquad
        \mathcal B(q) = \sum_m \Big\{ \mathbb E_{q,\, q(w_m|x_m)} \lambda_m \log p(x_m|z, w_m)
        - \beta_w\, \mathrm{KL}(q(w_m|x_m) \| p) \Big\} - \beta\, \mathrm{KL}(q \| p)

    q(z|X) is the product of the experts and N(0, I), q(z|x_k) an expert as it is. w_m is always inferred from x_m, also
    where z is another modality's. λ_m are the weights of the modalities, β_w is ``model.private_beta``. With
    ``combine=mean`` it is a lower bound of log p(X) at β = β_w = λ = 1, and with ``sum`` M + 1 times that.

    With the aggregator ``weighted-poe`` it is the weighted variant: exponents of the experts are learned, for every
    dimension, and sum to one over what a row has.

    Posterior after training: the aggregator's, of what is given. N(0, I) is an expert of the product of all M
    modalities only (``aggregator.prior_expert=full``), so that a single modality has q(z|x_m); with ``all`` it is one
    everywhere, with ``none`` nowhere.

    Missing modalities: a row has the bounds of what it has, exactly.

    Source: Lee & Pavlovic 2021, "Private-shared disentangled multimodal VAE for learning of latent representations"
    (CVPR Workshops, https://doi.org/10.1109/CVPRW53098.2021.00185), Eq. 3; the weighted variant as in multi-view-AE
    (https://github.com/alawryaguila/multi-view-AE). Deviations: in multi-view-AE N(0, I) is no expert
    (``prior_expert=none``), exponents of the weighted variant are clipped to [0, 1] and sum to anything, and x_i is
    decoded from z of x_i and w of another modality, where the paper has it the other way round; a KL of private latents
    is weighted by β_w, there by the β of all.
    """

    Config = DMVAEConfig
    family = "private-latents"
    aggregator, prior = "poe", "normal"
    aggregators, priors = "single", ("normal", "scaled-normal", "laplace", "vamp", "flow")
    component_defaults = {"aggregator": {"prior_expert": "full"}}
    supports_missing = True
    defaults = {"model": {"private_dim": 4, "private_from_prior": 0.0}}

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts, has = model.experts(batch), batch.available
        posterior = self.aggregate(experts, torch.cat([has[None], singletons(has)]))  # [M + 1, 1, B, D]
        z = posterior.rsample()  # [M + 1, B, D]
        divergence = kl_divergence(posterior.components[:, 0], self.prior_for(model, experts, has), z)  # [M + 1, B]
        count = has.sum(-1, dtype=z.dtype)
        weights = torch.cat([torch.ones_like(count)[None], has.T.to(z.dtype)])
        if self.config.combine == "mean":
            weights = weights / (count + 1)
        if self.config.shared_kl == "each":
            divergence = divergence * count
        log_likelihood = model.log_likelihood(z, batch)  # [M, M + 1, B]
        return Terms((weights * log_likelihood).sum(1), (weights * divergence).sum(0))
