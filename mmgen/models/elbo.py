"""The evidence lower bound with any aggregator and any prior."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..data.batch import Batch
from ..distributions import Mixture, kl_divergence
from .model import MultimodalVAE
from .objective import Objective, ObjectiveConfig, Terms


class ELBOConfig(ObjectiveConfig):
    """Options of :class:`ELBO`."""

    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="One sample per row from a component drawn by weight, or one from every component, weighted (C decodings).",
    )


class ELBO(Objective):
    r"""Evidence lower bound with any aggregator q(z|X) = Σ_c w_c q_c and any prior p(z|X).

    .. math::
        \sum_c w_c \Big\{ \mathbb E_{q_c} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_c \| p) \Big\}

    With the aggregator ``none`` each modality keeps its own latent:
    :math:`\sum_m \{ \mathbb E_{q_m} \log p(x_m|z_m) - \beta\, \mathrm{KL}(q_m \| p) \}`.

    The KL of the components bounds the KL of their mixture from above (convexity), so this is a lower bound of log p(X) wherever p(z) does not depend on
    the data. It is in closed form for a Gaussian prior, and by the drawn samples for a mixture.

    Source: Kingma & Welling 2014, Eq. 3; the mixtures as in Sutter et al. 2021 (MoPoE-VAE), Eq. 5, without stratification by blocks of rows.
    """

    Config = ELBOConfig
    bound = "joint"
    supports_missing = True

    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch, stratified=self.config.mixture_sampling == "stratified")


def elbo_terms(objective: Objective, model: MultimodalVAE, batch: Batch, *, stratified: bool = True) -> Terms:
    """The equation of :class:`ELBO`, for objectives that are it with other defaults."""
    experts = model.experts(batch)
    prior = objective.prior_for(model, experts, batch.available)
    if not objective.aggregate.shared:
        z = experts.rsample()
        divergence = kl_divergence(experts, prior, z)
        return Terms(model.log_likelihood(z, batch, own=True), divergence.where(batch.available.T, 0.0).sum(0))
    posterior = objective.aggregate(experts, batch.available)
    weights = posterior.weights
    each = None
    if stratified and posterior.log_weights.shape[0] > 1:
        log_likelihood = model.log_likelihood(posterior.rsample(), batch)
    else:
        each = posterior.rsample_each()
        log_likelihood = (model.log_likelihood(each, batch) * weights).sum(1)
    if isinstance(prior, Mixture) and each is None:
        each = posterior.rsample_each()
    divergence = kl_divergence(posterior.components, prior, each)
    return Terms(log_likelihood, (weights * divergence).sum(0))
