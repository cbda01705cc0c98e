"""What MMJSD and MMJSD-PoE share: the Jensen-Shannon divergence of the experts, and the reconstruction from a joint
posterior.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor

from mmgen import Batch, MmgenError, MultimodalVAE, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, geometric_jensen_shannon
from mmgen.models import expected_log_likelihood


class JensenShannonConfig(ObjectiveConfig):
    """Options of every :class:`JensenShannon`."""

    weights: tuple[float, ...] | None = Field(
        None,
        description="Relative weights π of N(0, I) and of each modality, in this order; divided by their sum over "
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
    r"""Reconstruction from a joint posterior, and the Jensen-Shannon divergence of the M + 1 experts :math:`q_0 =
    \mathcal N(0, I), q_1, \dots, q_M`.

    .. math::
        \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) - \beta \sum_{k=0}^M \pi_k\, \mathrm{KL}(q_k \| f), \qquad
        f \propto \prod_{k=0}^M q_k^{\pi_k}
    """

    priors = ("normal",)
    supports_missing = True
    of_mixtures = ("mixture_sampling",)

    def build(self, model: MultimodalVAE) -> None:
        """The K = M + 1 weights of the experts, relative to each other, that of N(0, I) first."""
        modalities = len(model.modalities)
        weights = self.config.weights or (1.0,) * (modalities + 1)
        if len(weights) != modalities + 1:
            raise MmgenError(
                f"objective.weights: there are {len(weights)} numbers; there should be {modalities + 1}, for N(0, I) "
                f"and each of the {modalities} modalities."
            )
        self.standard_weight = float(weights[0])
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    weights: Float[Tensor, " K"]

    @abstractmethod
    def mixture(self, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Mixture:
        """The joint posterior q(z|X) that training reconstructs from, ``[C, B, D]``."""

    def divergence(self, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Float[Tensor, " B"]:
        """Σ_k π_k KL(q_k ‖ f) over N(0, I) and what each row has."""
        return geometric_jensen_shannon(experts, given, weights=self.weights[1:], prior=self.standard_weight)

    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)
        posterior = self.mixture(experts, batch.available)
        stratified = self.config.mixture_sampling == "stratified"
        log_likelihood, _ = expected_log_likelihood(model, batch, posterior, stratified=stratified)
        return Terms(log_likelihood, self.divergence(experts, batch.available))
