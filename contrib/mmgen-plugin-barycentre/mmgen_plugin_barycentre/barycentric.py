"""WB-VAE and MWB-VAE: posteriors that are Wasserstein barycentres of experts, or mixtures of these."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.models import elbo_terms


class WBVAE(Objective):
    r"""WB-VAE: the evidence lower bound of the Wasserstein barycentre of the experts.

    .. math::
        \mathbb E_q \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q \| p), \qquad
        q = \arg\min_q \sum_m \lambda_m W_2^2(q, q(z|x_m))

    For diagonal Gaussians the barycentre has the means' and the standard deviations' weighted means (the aggregator
    ``barycentre``); weights λ are equal, or learned with ``aggregator.weights``. A subset has the barycentre of its own
    experts, with weights that sum to one over it. N(0, I) is none of the experts.

    Missing modalities: a row has the barycentre of what it has, and trains exactly as if the others did not exist.

    Source: Qiu et al. 2025, "Multimodal variational autoencoder: a barycentric view" (AAAI,
    https://arxiv.org/abs/2412.20487). Written from its abstract and the closed form of the barycentre; there is no
    released code that was found.
    """

    family = "products-of-experts"
    aggregator, prior = "barycentre", "normal"
    aggregators, priors = ("barycentre",), ("normal", "scaled-normal", "laplace", "flow")
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch)


class MWBVAEConfig(ObjectiveConfig):
    """Options of :class:`MWBVAE`."""

    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="Each row is decoded from the barycentre of one subset ('stratified': subsets share the rows of a "
        "batch), or from that of every subset, weighted ('all': 2^M − 1 decodings, less noise).",
    )


class MWBVAE(Objective):
    r"""MWB-VAE: the evidence lower bound of the mixture of the Wasserstein barycentres of all K = 2^M − 1 subsets S.

    .. math::
        \frac1K \sum_S \Big\{ \mathbb E_{q_S} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_S \| p) \Big\}, \qquad
        q_S = \arg\min_q \frac1{|S|} \sum_{m \in S} W_2^2(q, q(z|x_m))

    The mean of the components' KLs bounds the KL of the mixture from above (convexity), so this is a lower bound of log
    p(X). Posterior afterwards: q_S of what is given.

    Missing modalities: a row has the subsets of what it has, and trains exactly as if the others did not exist.

    Source: Qiu et al. 2025, "Multimodal variational autoencoder: a barycentric view" (AAAI,
    https://arxiv.org/abs/2412.20487). Written from its abstract and the closed form of the barycentre, with equal
    weights of modalities and of subsets; there is no released code that was found.
    """

    Config = MWBVAEConfig
    family = "mixtures-of-experts"
    of_mixtures = ("mixture_sampling",)
    aggregator, prior = "mixture-of-pools", "normal"
    aggregators, priors = ("mixture-of-pools",), ("normal", "scaled-normal", "laplace", "flow")
    component_defaults = {"aggregator": {"pool": "barycentre"}}
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch, stratified=self.config.mixture_sampling == "stratified")
