"""MWB-VAE: the posterior is a mixture of Wasserstein barycentres."""

from __future__ import annotations

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Mixture, kl_gaussians, powerset, uniform_log_weights


class MWBConfig(ObjectiveConfig):
    """Options of :class:`MWB`."""

    samples: int = Field(1, ge=1, description="Draws of z per row.")


class MWB(Objective):
    r"""MWB-VAE: the evidence lower bound of the mixture of the Wasserstein barycentres of all K = 2^M − 1 non-empty
    subsets S.

    .. math::
        \frac1K \sum_S \Big\{ \mathbb E_{q_S} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_S \| p) \Big\}, \qquad
        q_S = \arg\min_q \frac1{|S|} \sum_{m \in S} W_2^2(q, q(z|x_m))

    The barycentre of Gaussians with diagonal covariances is the Gaussian with the mean of their means and the mean of
    their standard deviations. N(0, I) is none of them.

    The KL is posterior ‖ prior. The mean of the KLs of the components bounds the KL of the mixture from above, so this
    is a lower bound of log p(X) at β = 1. Each row is decoded from one component per draw.

    Posterior in training: the mixture; afterwards: q_S of what is given. A row that lacks modalities has the subsets of
    what it has, and trains exactly as if the others did not exist.

    Source: Qiu et al. 2025, "Multimodal Variational Autoencoder: A Barycentric View" (AAAI), from which the mixture and
    the barycentre are; the weights are equal here, within a barycentre and between them. Its code was not looked at.
    """

    Config = MWBConfig
    family = "mixtures-of-experts"
    aggregator, prior = "barycentre", "normal"
    aggregators, priors = ("barycentre",), ("normal", "scaled-normal")
    bound = "joint"
    supports_missing = True
    most_modalities = 10

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        subsets = powerset(len(model.modalities), model.device)[:, None]  # [S, 1, M]
        possible = (batch.available | ~subsets).all(-1)  # [S, B]: whether a row has all of a subset
        q = self.aggregate(experts, subsets & batch.available).components[:, 0]  # [S, B, D]
        mixture = Mixture(q, uniform_log_weights(possible.T, q.mean.dtype))
        z = mixture.rsample((self.config.samples,))  # [samples, B, D]
        divergence = (mixture.weights * kl_gaussians(q, self.prior_for(model, experts, batch.available))).sum(0)
        return Terms(model.log_likelihood(z, batch).mean(1), divergence)
