"""JMVAE: a joint encoder, whose posterior the unimodal encoders learn to match."""

from __future__ import annotations

from jaxtyping import Bool
from torch import Tensor

from mmgen import Batch, Model, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_divergence, kl_gaussians
from mmgen.models import JointEncoder

from .rows import replaced


class JMVAE(Objective):
    r"""JMVAE (JMVAE-kl): the evidence lower bound of a joint encoder q_Λ, and unimodal encoders held close to it.

    .. math::
        \mathbb E_{q_\Lambda(z|X)} \sum_m \log p(x_m|z) - \mathrm{KL}(q_\Lambda(z|X) \| p)
        - \beta \sum_m \mathrm{KL}(q_\Lambda(z|X) \| q(z|x_m))

    The KLs are forward, joint ‖ unimodal. β (``model.beta``) multiplies the KLs to the unimodal posteriors alone; it is
    called α in the original paper, which tries 0.01 to 1. KL(q_Λ ‖ p) keeps the weight 1, and is the further term
    ``negative_kl_to_prior``. A lower bound of log p(X) for every β ≥ 0. The encoders of single modalities learn from
    their KL alone: none is decoded from in training.

    Posterior in training: q_Λ, without any product of experts. Afterwards: q_Λ(z|X) given all modalities, q(z|x_m)
    given one, and in between (outside the papers) the product of the experts of what is given, without N(0, I), as
    MultiVae has it; ``aggregator`` chooses something else for these.

    The joint encoder needs all modalities, so rows that lack some cannot be trained on.

    Source: Suzuki et al. 2017 (https://arxiv.org/abs/1611.01891), JMVAE-kl; for M modalities "Scalable multimodal VAEs
    with surrogate joint posterior", Appendix A, whose β = 1 is the default. How the modalities meet in the joint
    encoder is our choice (:class:`mmgen.models.JointEncoder`). MultiVae's default, β = 0.1 and both KLs warmed up over
    ten epochs, is not reproduced.
    """

    family = "joint-encoders"
    aggregator, prior = "poe", "normal"
    aggregators = ("poe", "mean", "moe", "barycentre", "moment-matched")
    trains_aggregator = False
    priors = ("normal", "scaled-normal", "laplace", "flow")
    component_defaults = {"aggregator": {"prior_expert": "none"}}
    bound = "joint"
    defaults = {"model": {"beta": 1.0}}

    def build(self, model: Model) -> None:
        """The joint encoder q_Λ."""
        self.joint = JointEncoder(model)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and −KL(q_Λ ‖ p) ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        q = self.joint(batch)  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, experts, batch.available)
        log_likelihood = model.log_likelihood(z, batch)
        to_unimodal = kl_gaussians(q, experts).sum(0)
        return Terms(log_likelihood, to_unimodal, {"negative_kl_to_prior": -kl_divergence(q, prior, z)})

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q_Λ where everything is given, what the aggregator makes of the experts elsewhere: ``[..., C, B, D]``."""
        return replaced(self.aggregate.infer(experts, given), given.all(-1), self.joint(batch))
