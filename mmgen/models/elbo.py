"""The evidence lower bound with any aggregator and any prior."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ..data.batch import Batch
from ..distributions import Mixture, kl_divergence
from .declarations import ObjectiveConfig
from .model import Model
from .objective import Objective
from .terms import Terms


class ELBOConfig(ObjectiveConfig):
    """Options of :class:`ELBO`."""

    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="One sample per row from a component drawn by weight, or one from every component, weighted (C "
        "decodings).",
    )


class ELBO(Objective):
    r"""Evidence lower bound with any aggregator q(z|X) = Σ_c w_c q_c and any prior p(z|X).

    .. math::
        \sum_c w_c \Big\{ \mathbb E_{q_c} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_c \| p) \Big\}

    With the aggregator ``none`` each modality keeps its own latent:
    :math:`\sum_m \{ \mathbb E_{q_m} \log p(x_m|z_m) - \beta\, \mathrm{KL}(q_m \| p) \}`.

    The KL of the components bounds the KL of their mixture from above (convexity), so this is a lower bound of log p(X)
    wherever p(z) does not depend on the data. It is in closed form for a Gaussian prior, and by the drawn samples for a
    mixture.

    Source: Kingma & Welling 2014, Eq. 3; the mixtures as in Sutter et al. 2021 (MoPoE-VAE), Eq. 5, without
    stratification by blocks of rows.
    """

    Config = ELBOConfig
    family = "products-of-experts"
    of_mixtures = ("mixture_sampling",)
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch, stratified=self.config.mixture_sampling == "stratified")


def elbo_terms(objective: Objective, model: Model, batch: Batch, *, stratified: bool = True) -> Terms:
    """The equation of :class:`ELBO`, for objectives that are it with other defaults."""
    experts = model.experts(batch)
    prior = objective.prior_for(model, experts, batch.available)
    if not objective.shared:
        z = experts.rsample()
        divergence = kl_divergence(experts, prior, z)
        return Terms(model.log_likelihood(z, batch, per_modality=True), divergence.where(batch.available.T, 0.0).sum(0))
    posterior = objective.aggregate(experts, batch.available)
    log_likelihood, drawn = expected_log_likelihood(model, batch, posterior, stratified=stratified)
    divergence = kl_divergence(posterior.components, prior, drawn)
    return Terms(log_likelihood, (posterior.weights * divergence).sum(0))


def expected_log_likelihood(
    model: Model, batch: Batch, posterior: Mixture, *, stratified: bool = True, samples: int = 1
) -> tuple[Float[Tensor, "M B"], Float[Tensor, "K C B D"] | None]:
    """Σ_c w_c E_{q_c}[log p(x_m | z)] of every modality, ``[M, B]``, by ``samples`` draws.

    ``stratified``: one component per row and draw, chosen by weight. Otherwise every component, weighted; the draws
    ``[K, C, B, D]`` are then the second result.
    """
    if stratified and posterior.log_weights.shape[0] > 1:
        return model.log_likelihood(posterior.rsample((samples,)), batch).mean(1), None
    z = posterior.rsample_each((samples,))
    return (model.log_likelihood(z, batch) * posterior.weights).sum(2).mean(1), z
