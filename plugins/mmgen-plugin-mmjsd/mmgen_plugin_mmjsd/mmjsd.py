"""MMJSD: a mixture of experts, held together by the Jensen-Shannon divergence with a dynamic prior."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model
from mmgen.distributions import Gaussian, Mixture, geometric_mean

from .jensen_shannon import JensenShannon, JensenShannonConfig


class MMJSDConfig(JensenShannonConfig):
    """Options of :class:`MMJSD`."""

    prior_component: bool = Field(
        False,
        description="Whether training also samples from the prior, as one more component of the mixture: what the "
        "authors' later code and its descendants do when they train MMJSD as a baseline. 1/(M+1) of the rows then "
        "reconstruct from noise.",
    )
    subset_posterior: Literal["moe", "dynamic-prior"] = Field(
        "moe",
        description="The posterior of several given modalities after training: the mixture of their experts, or the "
        "geometric mean f of these and the prior, as the released code of MVTCAE has it.",
    )


class MMJSD(JensenShannon):
    r"""MMJSD: reconstruction from a mixture of experts, and the Jensen-Shannon divergence of the experts and the prior.

    .. math::
        \sum_m \tilde\pi_m\, \mathbb E_{q_m} \sum_j \log p(x_j|z)
        - \beta \sum_{k=0}^M \pi_k\, \mathrm{KL}(q_k \| f), \qquad
        f \propto \prod_{k=0}^M q_k^{\pi_k}

    with the prior :math:`q_0 = p(z)`, π_k = 1/(M+1) (``weights``), and :math:`\tilde\pi_m = \pi_m / \sum_{j
    \geq 1} \pi_j`: the prior is an expert of the dynamic prior f and has a divergence of its own, the term k = 0, but
    nothing is reconstructed from it (``prior_component``). All modalities are reconstructed from every expert. The KL
    is expert ‖ dynamic prior, in closed form, with gradients through both arguments.

    Posterior: in training the mixture of the experts. Afterwards a single modality has q_m, and several the mixture of
    theirs with weights in proportion to π, or with ``subset_posterior: dynamic-prior`` the geometric mean of theirs and
    the prior. The prior is no component of a posterior.

    Bound: none is claimed. With ``prior_component`` this is a lower bound of the evidence under f in place of the
    prior, which depends on the data; under p(z) it can lie above log p(X).

    Missing modalities: a row is trained exactly as if those it lacks did not exist, with the π_k of what it has and of
    the prior divided by their sum.

    Source: Sutter et al. 2020 (https://arxiv.org/abs/2006.08242), Eqs. 7 and 8. Deviations: weights are equal unless
    given; there are no modality-specific latents beside the shared one. The components of the mixture share the rows of
    a batch as in the released code, each with its weight to within one row instead of the last one with the remainder.
    """

    Config = MMJSDConfig
    family = "data-dependent-priors"
    aggregator, prior = "moe", "normal"
    aggregators = ("moe",)

    def mixture(self, experts: Gaussian, given: Bool[Tensor, "B M"], prior: Gaussian) -> Mixture:
        """Σ_m π_m q_m over the given experts, ``[M, B, D]``, or over the prior and these, ``[M + 1, B, D]``."""
        if not self.config.prior_component:
            return _weighted(self.aggregate(experts, given), self.weights[1:])
        with_prior = Gaussian(
            torch.cat([prior.mean[None], experts.mean]), torch.cat([prior.log_variance[None], experts.log_variance])
        )
        always = torch.ones_like(given[:, :1])
        return _weighted(self.aggregate(with_prior, torch.cat([always, given], 1)), self.weights)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """A single modality's expert; of several, their mixture, or their geometric mean with the prior."""
        if self.config.subset_posterior == "moe":
            return _weighted(self.aggregate(experts, given), self.weights[1:])
        prior = self.prior_for(model, experts, batch.available)
        weight = self.prior_weight * (given.sum(-1) > 1).to(experts.mean.dtype)
        return Mixture.of(geometric_mean(experts, given, weights=self.weights[1:], prior=weight, reference=prior))


def _weighted(equal: Mixture, weights: Float[Tensor, " C"]) -> Mixture:
    """The mixture with its components weighted in proportion to ``weights`` instead of equally."""
    return Mixture(equal.components, (equal.log_weights + weights.log()[:, None]).log_softmax(-2))
