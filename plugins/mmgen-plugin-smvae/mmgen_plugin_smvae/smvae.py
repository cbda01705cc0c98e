"""SMVAE: a surrogate joint posterior trains the decoders, and the products of experts of all subsets learn to lie
within it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import (
    Gaussian,
    everything,
    kl_divergence,
    powerset,
    sampled_subsets,
)
from mmgen.models import JointEncoder


class SMVAEConfig(ObjectiveConfig):
    """Options of :class:`SMVAE`."""

    subset_weight: float = Field(
        1.0,
        ge=0,
        description="Factor of the KLs of the subsets beside model.beta; 0 leaves them and the unimodal encoders "
        "out, as in the first of two stages.",
    )
    max_subsets: int = Field(
        1023,
        ge=1,
        description="All non-empty subsets are summed over up to this many; above it, this many are drawn for each "
        "row and step.",
    )


class SMVAE(Objective):
    r"""SMVAE: the evidence lower bound of a surrogate joint posterior q_Λ, and KLs of all subsets to the surrogate.

    .. math::
        \mathbb E_{q_\Lambda(z|X)} \sum_m \log p(x_m|z) - \mathrm{KL}(q_\Lambda(z|X) \| p)
        - \frac{\beta}{2^M} \sum_S \mathrm{KL}(q_{\phi_S}(z|x_S) \| q_\Lambda(z|X)), \qquad
        q_{\phi_S}(z|x_S) \propto p(z) \prod_{m \in S} q_{\phi_m}(z|x_m)

    Those KLs are reverse, subset ‖ surrogate. β (``model.beta``) multiplies them alone. KL(q_Λ ‖ p) keeps the weight 1,
    and is the further term ``negative_kl_to_prior``. A lower bound of log p(X) for every β ≥ 0. Reconstruction is from
    q_Λ alone: the unimodal encoders learn from the KLs of the subsets, which move q_Λ as well.

    Posterior in training: q_Λ. Afterwards: the product q_φS of the unimodal encoders for every subset, also for all
    modalities; q_Λ is not needed any more.

    Any aggregator with one distribution for every subset can stand in the place of the product.

    Prior expert: N(0, I) is one of the experts in the product of every subset (``aggregator.prior_expert=all``). The
    closed form that the paper prints has no precision of the prior, at variance with its Eq. 3: that is
    ``aggregator.prior_expert=none``.

    Subsets: the sum is over the 2^M − 1 non-empty ones, at once and in closed form, each encoder run once. Above
    ``max_subsets`` it is estimated without bias by (2^M − 1)/K times the sum over K subsets, drawn uniformly with
    replacement for every row. The paper's sum counts the empty subset; here that is left out, and the factor 1/2^M is
    as printed (``subset_weight`` = 2^M/(2^M − 1) makes the sum a mean).

    Two stages (Appendix D): ``subset_weight=0`` while everything but the encoders learns, then ``subset_weight=1`` with
    everything but the encoders fixed.

    q_Λ needs all modalities, so rows that lack some cannot be trained on.

    Source: "Scalable multimodal VAEs with surrogate joint posterior", Eq. 11 and Appendix D. How the modalities meet in
    q_Λ is our choice (:class:`mmgen.models.JointEncoder`: as many parameters as the unimodal encoders together, as the
    paper says).
    """

    Config = SMVAEConfig
    family = "joint-encoders"
    aggregator, prior = "poe", "normal"
    aggregators, priors = "single", ("normal", "scaled-normal", "laplace", "flow")
    component_defaults = {"aggregator": {"prior_expert": "all"}}
    bound = "joint"
    staged = ("subset_weight",)
    defaults = {"model": {"beta": 1.0}}

    def build(self, model: Model) -> None:
        """The surrogate q_Λ."""
        self.joint = JointEncoder(model)

    def surrogate(self, model: Model, batch: Batch) -> Gaussian:
        """The joint posterior that the modalities are decoded from in training, ``[B, D]``."""
        return self.joint(batch)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and −KL(q_Λ ‖ p) ``[B]``."""
        q = self.surrogate(model, batch)  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, q[None], batch.available)
        log_likelihood = model.log_likelihood(z, batch)
        to_surrogate = self.to_surrogate(model, batch, q)
        return Terms(log_likelihood, to_surrogate, {"negative_kl_to_prior": -kl_divergence(q, prior, z)})

    def to_surrogate(self, model: Model, batch: Batch, q: Gaussian) -> Float[Tensor, " B"]:
        """1/2^M Σ_S KL(q_φS ‖ q), times ``subset_weight``."""
        if self.config.subset_weight == 0:
            return torch.zeros_like(q.mean[:, 0])
        experts = model.experts(batch)  # [M, B, D]
        full = everything(experts)  # [B, M]
        rows, modalities = full.shape
        if 2**modalities - 1 > self.config.max_subsets:
            subsets = sampled_subsets(full, self.config.max_subsets)  # [S, B, M]
        else:
            subsets = powerset(modalities, full.device)[:, None].expand(-1, rows, -1)
        products = self.aggregate(experts, subsets).components  # [S, 1, B, D]
        share = (2**modalities - 1) / 2**modalities  # of non-empty subsets
        return self.config.subset_weight * share * kl_divergence(products, q).mean((0, 1))
