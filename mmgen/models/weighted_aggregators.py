"""The core's aggregators with weights of modalities, which may be learned: generalised product, Wasserstein barycentre
and Hellinger pool.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor, nn

from ..distributions import Gaussian, Mixture, barycentre, hellinger_pool, weighted_product
from .aggregator import Aggregator, AggregatorConfig
from .interface import Model


class WeightedProduct(Aggregator):
    r"""Generalised product of experts with learned weights of every modality and dimension, one Gaussian.

    .. math::
        q(z_d|x_S) \propto \prod_{m \in S} q(z_d|x_m)^{\alpha_{md}}, \qquad
        \alpha_{md} = \frac{\exp a_{md}}{\sum_{j \in S} \exp a_{jd}}

    Its precision is :math:`\sum_m \alpha_{md} T_{md}`: weights sum to one over what is given, so agreeing experts are
    no evidence for each other, and a single modality has its own expert. N(0, I) is none of the experts. The logits a
    are 0 at first, which is the geometric mean.

    A row that lacks modalities has the weights of the others divided by their sum, exactly as if those that it lacks
    did not exist.

    Source: Lawry Aguila et al. 2023 (gPoE-MVAE, https://arxiv.org/abs/2303.12706), after Cao & Fleet 2014
    (https://arxiv.org/abs/1410.7827). Deviation: the papers have no missing modalities; the released code adds 1e-8 to
    variances and precisions.
    """

    mixes = False

    def build(self, model: Model) -> None:
        """The logits a, ``[M, D]``."""
        self.logits = nn.Parameter(torch.zeros(len(model.modalities), model.config.latent_dim))

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., 1, B, D]``."""
        return Mixture.of(weighted_product(experts, given, self.logits))


class WeightsConfig(AggregatorConfig):
    """Options of aggregators with a weight for every modality."""

    weights: Literal["equal", "learned"] = Field(
        "equal",
        description="Weights of the modalities, which sum to one over what is given: the same for all, or learned (a "
        "softmax of one number per modality, all 0 at first).",
    )


class _Weighted(Aggregator):
    """One Gaussian with weights of the modalities."""

    Config = WeightsConfig
    mixes = False

    def build(self, model: Model) -> None:
        """The logits of the weights, ``[M]``, if they are learned."""
        learned = self.config.weights == "learned"
        self.logits = nn.Parameter(torch.zeros(len(model.modalities))) if learned else None


class WassersteinBarycentre(_Weighted):
    r"""Wasserstein barycentre: one Gaussian with the mean of the means and the mean of the standard deviations.

    .. math::
        q(z|x_S) = \arg\min_q \sum_{m \in S} \lambda_m W_2^2(q, q(z|x_m)), \qquad
        \mu = \sum_m \lambda_m \mu_m, \quad \sigma = \sum_m \lambda_m \sigma_m

    The weights λ sum to one over what is given. N(0, I) is none of the experts.

    Source: Agueh & Carlier 2011 (https://doi.org/10.1137/100805741), for Gaussians with diagonal covariances; as an
    aggregator "Unity by Diversity", Eqs. 15 and 16, with equal weights, and Qiu et al. 2025 ("Multimodal Variational
    Autoencoder: A Barycentric View").
    """

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., 1, B, D]``."""
        return Mixture.of(barycentre(experts, given, log_weights=self.logits))


class HellingerPool(_Weighted):
    r"""Hellinger pool: one Gaussian with the moments of the Hölder pool of the experts with α = ½.

    .. math:: h(z) \propto \Big( \sum_{m \in S} w_m \sqrt{q(z|x_m)} \Big)^2, \qquad q = \mathcal N(\mathbb E_h z,
        \mathrm{diag}\, \mathrm{Var}_h z)

    h is a mixture of the M(M+1)/2 geometric means of pairs of experts, each weighted by how much the two overlap
    (:func:`mmgen.distributions.hellinger_pool`), so its moments have a closed form. Overlaps are those of densities of
    all D dimensions: of experts that disagree in many dimensions h is nearly the mixture with weights in proportion to
    w². The weights sum to one over what is given. N(0, I) is none of the experts.

    Source: Vo & Valera 2026 (HELVAE, https://arxiv.org/abs/2601.06572), whose released code has these moments with
    equal weights (1e-8 more in the overlaps, and as a floor of variances); learned weights are ours.
    """

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., 1, B, D]``."""
        return Mixture.of(hellinger_pool(experts, given, log_weights=self.logits))
