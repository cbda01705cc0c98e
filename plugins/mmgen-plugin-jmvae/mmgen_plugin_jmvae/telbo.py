"""TELBO: evidence lower bounds of a joint encoder and of every unimodal one, which share the decoders."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from mmgen import Batch, MmgenError, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, kl_divergence, product_of_experts
from mmgen.models import JointEncoder

from .rows import replaced

Weights = dict[str, Annotated[float, Field(ge=0)]]


class TELBOConfig(ObjectiveConfig):
    """Options of :class:`TELBO`."""

    joint_weights: Weights = Field(
        {},
        description="λ_m: weights of the likelihoods in the joint bound, as a mapping from modality to number; 1 for "
        "those not named.",
    )
    unimodal_weights: Weights = Field(
        {},
        description="γ_m: weights of the likelihoods in the unimodal bounds, as a mapping from modality to number; 1 "
        "for those not named.",
    )


class TELBO(Objective):
    r"""TELBO (triple ELBO): the evidence lower bounds of a joint encoder q_Λ and of every modality's encoder, summed.

    .. math::
        \mathbb E_{q_\Lambda(z|X)} \sum_m \lambda_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_\Lambda(z|X) \| p)
        + \sum_m \Big\{ \mathbb E_{q(z|x_m)} \gamma_m \log \bar p(x_m|z) - \beta\, \mathrm{KL}(q(z|x_m) \| p) \Big\}

    The bar: decoders (and what likelihoods learn) are constants in the unimodal bounds, so they learn from the joint
    bound alone, and the unimodal encoders learn to fit them. Everything is trained at once by default. The two-stage
    form, first the joint part and then the unimodal encoders with a fresh optimiser, is a matter of the training:
    ``training.stages`` ``[{epochs: 50, train: [decoders, objective.joint]}, {train: [encoders]}]``; both have the same
    optimum. λ and γ come on top of the modalities' likelihood weights. β multiplies every KL; the paper has no β, that
    is 1.

    Each decoder runs twice per step, once on the joint latents and once, as a constant, on its own.

    Posterior in training: q_Λ and every q(z|x_m), without any product of experts. Afterwards: q_Λ(z|X) given all
    modalities, q(z|x_m) given one, and in between the product of the experts of what is given with N(0, I) as one of
    them, which the paper uses for attributes that are partly given; ``aggregator`` chooses something else for these.

    The joint encoder needs all modalities, so rows that lack some cannot be trained on. A bound of log p(X) + Σ_m log
    p(x_m) at β = 1 and weights 1.

    Source: Vedantam et al. 2018 (https://arxiv.org/abs/1705.10762), who have an image and its attributes; M modalities
    are the same equation.
    """

    Config = TELBOConfig
    family = "joint-encoders"
    aggregator, prior = "poe", "normal"
    aggregators = ("poe", "mean", "moe", "barycentre", "moment-matched")
    trains_aggregator = False
    priors = ("normal", "scaled-normal", "laplace", "flow")
    component_defaults = {"aggregator": {"prior_expert": "all"}}
    defaults = {"model": {"beta": 1.0}}

    joint_weights: Tensor
    unimodal_weights: Tensor

    def build(self, model: Model) -> None:
        """The joint encoder q_Λ, and the weights λ and γ ``[M, 1]``."""
        self.joint = JointEncoder(model)
        for option in ("joint_weights", "unimodal_weights"):
            factors: dict[str, float] = getattr(self.config, option)
            for name in factors:
                if name not in model.modalities:
                    raise MmgenError(
                        f"objective.{option}: there is no modality {name!r}; there are {', '.join(model.modalities)}."
                    )
            weights = torch.tensor([[factors.get(name, 1.0)] for name in model.modalities])
            self.register_buffer(option, weights, persistent=False)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` (joint and unimodal) and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        q = self.joint(batch)  # [B, D]
        prior = self.prior_for(model, experts, batch.available)
        z = q.rsample()
        joint = self.joint_weights * model.log_likelihood(z, batch)
        z_m = experts.rsample()
        unimodal = self.unimodal_weights * model.log_likelihood(z_m, batch, per_modality=True, frozen=True)
        divergence = kl_divergence(q, prior, z) + kl_divergence(experts, prior, z_m).sum(0)
        return Terms(joint + unimodal, divergence)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q_Λ where everything is given, q(z|x_m) where one modality is, what the aggregator makes of the experts
        elsewhere: ``[..., C, B, D]``.
        """
        several = self.aggregate.infer(experts, given)
        partial = replaced(several, given.sum(-1) == 1, product_of_experts(experts, given))
        return replaced(partial, given.all(-1), self.joint(batch))
