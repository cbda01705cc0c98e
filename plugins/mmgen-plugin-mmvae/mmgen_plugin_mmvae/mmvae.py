"""MMVAE: a mixture of experts, by its evidence lower bound or by importance weighting."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Component, Gaussian, Mixture, Reference, in_family, kl_divergence
from mmgen.models import expected_log_likelihood, importance_weighted, reparameterise_again


class MMVAEConfig(ObjectiveConfig):
    """Options of :class:`MMVAE`."""

    only_with = {"mixture_sampling": {"estimator": ("elbo",)}, "dreg_bound": {"estimator": ("dreg",)}}

    estimator: Literal["elbo", "iwae", "looser", "dreg"] = Field(
        "elbo",
        description="'elbo' as in later comparisons (MoPoE-VAE and after); 'iwae' with one logarithm over all "
        "posteriors and samples; 'looser' with one per posterior, which the authors recommend; 'dreg' with doubly "
        "reparameterised gradients, which they train with.",
    )
    samples: int | None = Field(
        None,
        ge=1,
        description="Samples K per row, or per row and posterior: by default 1 for 'elbo', 10 otherwise; 30 and 50 "
        "in the paper.",
    )
    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="Of 'elbo': samples from one posterior per row, chosen by weight, or from every posterior (M² K "
        "decodings); the others use every one.",
    )
    dreg_bound: Literal["looser", "tight"] = Field(
        "looser", description="Which bound 'dreg' has the gradient of: that of 'looser' or that of 'iwae'."
    )
    posterior: Literal["gaussian", "laplace"] = Field(
        "gaussian",
        description="Family of q(z|x_m); the paper has Laplace posteriors with the prior 'laplace', later "
        "comparisons Gaussians.",
    )
    posterior_scale: Literal["free", "normalised"] = Field(
        "free",
        description="Scales s of q(z|x_m): exp(½ℓ) with the head's ℓ (the b of a Laplace), or the same divided by "
        "their mean over dimensions, so that they sum to D, as in the authors' code for MNIST-SVHN.",
    )


class MMVAE(Objective):
    r"""MMVAE: the uniform mixture of the unimodal posteriors, q(z|X) = 1/M Σ_m q(z|x_m).

    .. math::
        \text{elbo:} \quad &
        \tfrac1M \sum_r \big\{ \mathbb E_{q_r} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_r \| p) \big\} \\
        \text{iwae:} \quad & \mathbb E \log \tfrac{1}{MK} \sum_r \sum_k w_r^k, \qquad
        \text{looser:} \quad \tfrac1M \sum_r \mathbb E \log \tfrac1K \sum_k w_r^k \\
        & \log w_r^k = \sum_m \log p(x_m|z_r^k) + \beta \big[
        \log p(z_r^k) - \log \tfrac1M \sum_m q(z_r^k|x_m) \big], \quad
        z_r^k \sim q(z|x_r)

    ``dreg`` has the value of ``looser`` (or ``iwae``) and other gradients: the parameters of q are constants in log w,
    and what flows into :math:`z_r^k` is multiplied by the normalised weight ŵ once more: :math:`\sum \hat w^2\,
    \partial_z \log w\, \partial_\phi z` for encoders, :math:`\sum \hat w\, \partial_\theta \log w` for the rest. It is
    derived for one posterior and β = 1, and used for the mixture as in the paper.

    Terms of the weighted ones, by log-mean-exp(log w) = Σ ŵ log w − KL(ŵ ‖ uniform) with ŵ constant: ``log_likelihood``
    and ``divergence`` are means under ŵ, and ``importance`` is −KL(ŵ ‖ uniform). Their sum has exactly the value and
    gradient of the equation at the model's β, and bounds it from below while β warms up. At β = 1 all are lower bounds
    of log p(X).

    All modalities are decoded from every sample; the prior is neither an expert nor a component. Missing modalities: M,
    m and r run over what a row has, exactly. After training a single modality has the posterior q_m, several a uniform
    mixture.

    Source: Shi et al. 2019 (https://arxiv.org/abs/1911.03393), section 3 (mixture and IWAE), with the objectives of the
    released code; DReG: Tucker et al. 2019 (https://arxiv.org/abs/1810.04152); ``elbo`` as in Sutter et al. 2021
    (MoPoE-VAE). Deviations: the 1e-6 that is added to scales is left out; ``elbo`` decodes across modalities, where
    that code reweights the samples of the other posteriors, with weights that can explode.
    """

    Config = MMVAEConfig
    family = "mixtures-of-experts"
    aggregator, prior = "moe", "normal"
    aggregators, priors = ("moe",), ("normal", "scaled-normal", "laplace", "flow")
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and ``importance`` ``[B]`` unless it is the ELBO."""
        experts = model.experts(batch)
        prior = self.prior_for(model, experts, batch.available)
        posterior = self.aggregate(self.unimodal(experts), batch.available)  # [M, B, D]
        if self.config.estimator == "elbo":
            return self._elbo(model, batch, posterior, prior)
        return self._importance_weighted(model, batch, posterior, prior)

    def unimodal(self, experts: Gaussian) -> Component:
        """The unimodal posteriors from what the heads give."""
        options = self.config
        return in_family(experts, options.posterior, normalised=options.posterior_scale == "normalised")

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The uniform mixture of what is given, ``[..., M, B, D]``."""
        return self.aggregate(self.unimodal(experts), given)

    def _elbo(self, model: Model, batch: Batch, posterior: Mixture, prior: Reference) -> Terms:
        stratified, samples = self.config.mixture_sampling == "stratified", self.config.samples or 1
        log_likelihood, z = expected_log_likelihood(model, batch, posterior, stratified=stratified, samples=samples)
        divergence = kl_divergence(posterior.components, prior, z)
        return Terms(log_likelihood, (posterior.weights * divergence).sum(0))

    def _importance_weighted(self, model: Model, batch: Batch, posterior: Mixture, prior: Reference) -> Terms:
        options = self.config
        dreg = options.estimator == "dreg"
        tight = options.estimator == "iwae" or (dreg and options.dreg_bound == "tight")
        z = posterior.rsample_each((options.samples or 10,))  # [K, M, B, D]
        density = Mixture(posterior.components.map(torch.Tensor.detach), posterior.log_weights) if dreg else posterior
        log_likelihood = model.log_likelihood(z, batch, weighted=True)  # [M, K, M, B]
        log_ratio = density.log_prob(z) - prior.log_prob(z)  # [K, M, B]
        terms, normalised = importance_weighted(
            log_likelihood, log_ratio, posterior.log_weights, model.config.beta, tight=tight
        )
        if dreg:
            reparameterise_again(z, normalised)
        return terms
