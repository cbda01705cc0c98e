"""The core's priors: N(0, I), Laplace, either with a learned scale, the geometric mean of the experts, their mixture,
and VampPrior.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from ..data.transforms import Codes
from ..distributions import (
    Gaussian,
    Laplace,
    Mixture,
    Reference,
    geometric_mean,
    mixture_of_experts,
    standard_laplace,
    standard_normal,
)
from ..errors import MmgenError
from .interface import Model
from .prior import Prior, PriorConfig


class StandardNormal(Prior):
    """N(0, I)."""

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        return standard_normal(experts[0])


class LearnedScale(nn.Module):
    """Positive scales of D dimensions that are learned and sum to D: s = D · softmax(vector), all 1 at first.

    Source: the prior of the released code of Shi et al. 2019 (MMVAE). The constraint keeps the prior from growing with
    the posteriors.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(latent_dim))

    def forward(self) -> Float[Tensor, " D"]:
        """log s."""
        return self.vector.log_softmax(-1) + math.log(len(self.vector))


class ScaledNormal(Prior):
    """N(0, diag s²) with learned scales s that sum to D."""

    def build(self, model: Model) -> None:
        """One number per latent dimension."""
        self.log_scale = LearnedScale(model.config.latent_dim)

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        mean = torch.zeros_like(experts.mean[0])
        return Gaussian(mean, (2 * self.log_scale()).expand_as(mean))


class LaplaceConfig(PriorConfig):
    """Options of :class:`LaplacePrior`."""

    learned: bool = Field(
        False,
        description="Whether the scales are learned, such that they sum to the number of dimensions; otherwise all "
        "are 1.",
    )


class LaplacePrior(Prior):
    """Laplace(0, 1) in every dimension, or Laplace(0, s) with learned scales s that sum to D.

    Source: Shi et al. 2019 (MMVAE), with Laplace posteriors; the KL to it from Gaussians is estimated by samples.
    """

    Config = LaplaceConfig

    def build(self, model: Model) -> None:
        """One number per latent dimension, if they are learned."""
        self.log_scale = LearnedScale(model.config.latent_dim) if self.config.learned else None

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        standard = standard_laplace(experts[0])
        return standard if self.log_scale is None else Laplace(standard.mean, self.log_scale().expand_as(standard.mean))


class GeometricConfig(PriorConfig):
    """Options of :class:`GeometricMean`."""

    prior_expert: bool = Field(True, description="Whether N(0, I) is one of the experts of the mean.")


class GeometricMean(Prior):
    """The dynamic prior: the normalised geometric mean of the given experts (and of N(0, I)), one Gaussian that depends
    on the data.

    Source: Sutter et al. 2020 (MMJSD), Eq. 8; the p_f of "Mitigating the limitations of multimodal VAEs", Lemma 1.
    """

    Config = GeometricConfig
    dynamic = True

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        return geometric_mean(experts, given, prior=self.config.prior_expert)


class MixtureOfPosteriors(Prior):
    """The multimodal mixture-of-experts prior h(z|X) = 1/M Σ_m q(z|x_m); it depends on the data.

    Source: "Unity by Diversity", section 4.
    """

    dynamic = True

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[M, B, D]``."""
        return mixture_of_experts(experts, given)


class VampConfig(PriorConfig):
    """Options of :class:`VampPrior`."""

    components: int = Field(64, ge=1, description="How many pseudo-inputs are learned.")


class VampPrior(Prior):
    """VampPrior: 1/K Σ_k q(z|u_k), the aggregated posterior of K learned pseudo-inputs u_k of all modalities.

    Pseudo-inputs live in the units that the networks see, and start from standard normal noise; modalities made of
    codes (text, labels) cannot have them.

    Source: Tomczak & Welling 2018, Eq. 9.
    """

    Config = VampConfig

    def build(self, model: Model) -> None:
        """One pseudo-input per component and modality."""
        if model.objective.aggregator is None:
            raise MmgenError(
                "The prior 'vamp' is made of aggregated posteriors, and this objective aggregates nothing."
            )
        for name, modality in model.modalities.items():
            if isinstance(modality.make_transform(), Codes):
                raise MmgenError(
                    f"The prior 'vamp' learns real-valued pseudo-inputs, and the modality {name!r} is made of codes."
                )
        self.pseudo_inputs = nn.ParameterList(
            nn.Parameter(torch.randn(self.config.components, *modality.shape)) for modality in model.modalities.values()
        )

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[K · C, B, D]``, the same for every row."""
        pseudo = model.encode_each(list(self.pseudo_inputs))
        everything = torch.ones(self.config.components, given.shape[-1], dtype=torch.bool, device=given.device)
        posterior = model.objective.aggregate.infer(pseudo, everything)
        rows = given.shape[0]
        flat = posterior.components.map(lambda value: value.flatten(0, 1)[:, None].expand(-1, rows, -1))
        log_weights = (
            posterior.log_weights.flatten() - torch.tensor(float(self.config.components), device=given.device).log()
        )
        return Mixture(flat, log_weights[:, None].expand(-1, rows))
