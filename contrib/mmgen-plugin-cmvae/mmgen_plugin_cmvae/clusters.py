"""A prior of clusters: a mixture with learned means and weights, from which clusters can be taken away."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Model, Prior, PriorConfig
from mmgen.distributions import Gaussian, Mixture, in_family


class ClustersConfig(PriorConfig):
    """Options of :class:`Clusters`."""

    clusters: int = Field(
        10, ge=1, description="C, how many clusters there are, or at most, where some are taken away."
    )
    family: Literal["gaussian", "laplace"] = Field("gaussian", description="Family of p(z|c); 'laplace' in the paper.")
    scales: Literal["fixed", "learned"] = Field(
        "fixed", description="Scales of p(z|c): 1, as in the released code, or learned for every cluster and dimension."
    )


class Clusters(Prior):
    r"""A mixture of C clusters, :math:`p(z) = \sum_c \pi_c\, p(z|c)`, with learned means and weights.

    Means are uniform on (−1, 1) at first, weights equal. :meth:`keep` takes clusters away for good, whose weights are
    then 0.

    Source: Palumbo et al. 2024 (CMVAE, https://openreview.net/forum?id=k5THrhXDV3), section 3; Jiang et al. 2017 (VaDE,
    https://arxiv.org/abs/1611.05148) for one modality.
    """

    Config = ClustersConfig
    kept: Tensor

    def build(self, model: Model) -> None:
        """Means ``[C, D]``, logits of π ``[C]``, log-scales ``[C, D]`` if they are learned, and which are kept."""
        shape = self.config.clusters, model.config.latent_dim
        self.means = nn.Parameter(2 * torch.rand(shape) - 1)
        self.logits = nn.Parameter(torch.zeros(shape[0]))
        self.log_scales = nn.Parameter(torch.zeros(shape)) if self.config.scales == "learned" else None
        self.register_buffer("kept", torch.ones(shape[0], dtype=torch.bool))

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Mixture:
        """``[C, B, D]``, the same for every row."""
        rows, log_scales = len(given), torch.zeros_like(self.means) if self.log_scales is None else self.log_scales
        centres = Gaussian(self.means, 2 * log_scales).map(lambda value: value[:, None].expand(-1, rows, -1))
        return Mixture(in_family(centres, self.config.family), self.log_weights()[:, None].expand(-1, rows))

    def log_weights(self) -> Float[Tensor, " C"]:
        """log π; −∞ of clusters that were taken away."""
        return self.logits.masked_fill(~self.kept, -torch.inf).log_softmax(0)

    def log_joint(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any C"]:
        """log π_c + log p(z | c)."""
        log_scales = torch.zeros_like(self.means) if self.log_scales is None else self.log_scales
        centres = in_family(Gaussian(self.means, 2 * log_scales), self.config.family)
        return self.log_weights() + centres.log_prob(z[..., None, :])

    def keep(self, clusters: Bool[Tensor, " C"]) -> None:
        """Take away all others."""
        self.kept.copy_(clusters)
