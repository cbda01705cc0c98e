"""What MMJSD and MMJSD-PoE share: the Jensen-Shannon divergence, and the reconstruction from a joint posterior."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor

from mmgen import Batch, MmgenError, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, geometric_mean, kl_gaussians
from mmgen.models import expected_log_likelihood


class JensenShannonConfig(ObjectiveConfig):
    """Options of every :class:`JensenShannon`."""

    weights: tuple[float, ...] | None = Field(
        None,
        description="Relative weights π of the prior and of each modality, in this order; divided by their sum over "
        "what a row has. None: equal, 1/(M+1); 0.3, 0.35, 0.35 are those of the released script for CelebA.",
    )
    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="Of a posterior that is a mixture: 'stratified' decodes each row once, from a component drawn by "
        "weight (the components share the rows of a batch, as in the released code), 'all' from every component, "
        "weighted.",
    )

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and not all(0 < weight < float("inf") for weight in weights):
            raise ValueError("every weight should be a number above 0")
        return weights


class JensenShannon(Objective):
    r"""Reconstruction from a joint posterior, and the Jensen-Shannon divergence of the prior and the M experts.

    .. math::
        \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) - \beta \sum_{k=0}^M \pi_k\, \mathrm{KL}(q_k \| f), \qquad
        f \propto \prod_{k=0}^M q_k^{\pi_k}, \qquad q_0 = p(z)
    """

    priors = ("normal", "scaled-normal")
    supports_missing = True
    of_mixtures = ("mixture_sampling",)

    def build(self, model: Model) -> None:
        """The K = M + 1 weights of the experts, relative to each other, that of the prior first."""
        modalities = len(model.modalities)
        weights = self.config.weights or (1.0,) * (modalities + 1)
        if len(weights) != modalities + 1:
            raise MmgenError(
                f"objective.weights: there are {len(weights)} numbers; there should be {modalities + 1}, for the prior "
                f"and each of the {modalities} modalities."
            )
        self.prior_weight = float(weights[0])
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    weights: Float[Tensor, " K"]

    @abstractmethod
    def mixture(self, experts: Gaussian, given: Bool[Tensor, "B M"], prior: Gaussian) -> Mixture:
        """The joint posterior q(z|X) that training reconstructs from, ``[C, B, D]``."""

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)
        prior = self.prior_for(model, experts, batch.available)  # [B, D]
        posterior = self.mixture(experts, batch.available, prior)
        stratified = self.config.mixture_sampling == "stratified"
        log_likelihood, _ = expected_log_likelihood(model, batch, posterior, stratified=stratified)
        divergence = geometric_jensen_shannon(experts, batch.available, prior, self.weights[1:], self.prior_weight)
        return Terms(log_likelihood, divergence)


def geometric_jensen_shannon(
    experts: Gaussian, given: Bool[Tensor, "B M"], prior: Gaussian, weights: Float[Tensor, " M"], prior_weight: float
) -> Float[Tensor, " B"]:
    """Σ_k π_k KL(q_k ‖ f) over the prior and the given experts, with f their geometric mean with the same π.

    Closed form. Source: Sutter et al. 2020 (https://arxiv.org/abs/2006.08242), Eq. 7.

    Args:
        experts: ``[M, B, D]``.
        given: Which of them each row has.
        prior: q_0, ``[B, D]``.
        weights: Of the experts; π is in proportion to them, over what a row has.
        prior_weight: Of the prior.
    """
    dynamic = geometric_mean(experts, given, weights=weights, prior=prior_weight, reference=prior)
    shares = given * weights.to(experts.mean.dtype)
    total = (torch.where(given.T, kl_gaussians(experts, dynamic), 0.0) * shares.T).sum(0)
    total = total + prior_weight * kl_gaussians(prior, dynamic)
    return total / (shares.sum(-1) + prior_weight)
