"""The core's priors: N(0, I), the geometric mean of the experts, the mixture of the experts, and VampPrior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor, nn

from ..data.transforms import Codes
from ..distributions import Gaussian, Mixture, Reference, geometric_mean, mixture_of_experts, standard_normal
from ..errors import MmgenError
from .prior import Prior, PriorConfig

if TYPE_CHECKING:
    from .model import MultimodalVAE


class StandardNormal(Prior):
    """N(0, I)."""

    def forward(self, model: MultimodalVAE, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        return standard_normal(experts[0])


class GeometricConfig(PriorConfig):
    """Options of :class:`GeometricMean`."""

    prior_expert: bool = Field(True, description="Whether N(0, I) is one of the experts of the mean.")


class GeometricMean(Prior):
    """The dynamic prior: the normalised geometric mean of the given experts (and of N(0, I)), one Gaussian that depends on the data.

    Source: Sutter et al. 2020 (MMJSD), Eq. 8; the p_f of "Mitigating the limitations of multimodal VAEs", Lemma 1.
    """

    Config = GeometricConfig
    dynamic = True

    def forward(self, model: MultimodalVAE, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        return geometric_mean(experts, given, prior=self.config.prior_expert)


class MixtureOfPosteriors(Prior):
    """The multimodal mixture-of-experts prior h(z|X) = 1/M Σ_m q(z|x_m); it depends on the data.

    Source: "Unity by Diversity", section 4.
    """

    dynamic = True

    def forward(self, model: MultimodalVAE, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[M, B, D]``."""
        return mixture_of_experts(experts, given)


class VampConfig(PriorConfig):
    """Options of :class:`VampPrior`."""

    components: int = Field(64, ge=1, description="How many pseudo-inputs are learned.")


class VampPrior(Prior):
    """VampPrior: 1/K Σ_k q(z|u_k), the aggregated posterior of K learned pseudo-inputs u_k of all modalities.

    Pseudo-inputs live in the units that the networks see, and start from standard normal noise; modalities made of codes (text, labels) cannot have them.

    Source: Tomczak & Welling 2018, Eq. 9.
    """

    Config = VampConfig

    def build(self, model: MultimodalVAE) -> None:
        """One pseudo-input per component and modality."""
        for name, modality in model.modalities.items():
            if isinstance(modality.transform(), Codes):
                raise MmgenError(f"The prior 'vamp' learns real-valued pseudo-inputs, and the modality {name!r} is made of codes.")
        self.pseudo_inputs = nn.ParameterList(
            nn.Parameter(torch.randn(self.config.components, *modality.shape)) for modality in model.modalities.values()
        )

    def forward(self, model: MultimodalVAE, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[K · C, B, D]``, the same for every row."""
        pseudo = model.encode_each(list(self.pseudo_inputs))
        everything = torch.ones(self.config.components, given.shape[-1], dtype=torch.bool, device=given.device)
        posterior = model.objective.aggregate.infer(pseudo, everything)
        rows = given.shape[0]
        flat = posterior.components.map(lambda value: value.flatten(0, 1)[:, None].expand(-1, rows, -1))
        log_weights = posterior.log_weights.flatten() - torch.tensor(float(self.config.components), device=given.device).log()
        return Mixture(flat, log_weights[:, None].expand(-1, rows))
