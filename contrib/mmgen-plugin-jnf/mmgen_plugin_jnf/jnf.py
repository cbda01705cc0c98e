"""JNF: a joint variational autoencoder first, then normalising flows of single modalities that match its posterior."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, Posterior, Pushed, kl_divergence
from mmgen.models import FlowOptions, JointEncoder
from mmgen.networks import Flow

from .product import ProductOfFlows, ProductOptions
from .selected import Selected


class JNFConfig(ProductOptions, FlowOptions, ObjectiveConfig):
    """Options of :class:`JNF`."""

    kind: Literal["nsf", "maf"] = Field(
        "maf", description="Function of each dimension: an affine one (maf), as in the papers, or a spline (nsf)."
    )
    unimodal_weight: float = Field(
        1.0,
        ge=0,
        description="Factor of the KLs to the unimodal posteriors; 0 leaves them out, as in the first of two stages.",
    )
    prior_power: Literal["independence", "once", "none"] = Field(
        "independence",
        description="How often the product of several unimodal posteriors is divided by p(z): |S| − 1 times, as "
        "conditional independence has it; once, as MultiVae does it for every S; or never.",
    )


class JNF(Objective):
    r"""JNF: the evidence lower bound of a joint encoder, and unimodal posteriors that are normalising flows.

    .. math::
        \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q(z|X) \| p)
        - \sum_m \mathrm{KL}\big( \bar q(z|X) \,\|\, q(z|x_m) \big)

    .. math::
        \log q(z|x_m) = \log \mathcal N\big(T_m^{-1}(z); \mu_m, \sigma_m^2\big) + \log |\det \partial T_m^{-1} /
        \partial z|

    The KLs are forward, joint ‖ unimodal, by the draw of z that is decoded. :math:`\bar q` and that draw are constants
    in them: joint encoder and decoders learn from the first two terms alone, and the unimodal posteriors from the KLs
    alone. So one training of all, and two stages, as in the papers (the joint VAE until it is done, then the rest with
    it fixed: ``training.stages`` ``[{epochs: 100, train: [decoders, objective.joint], objective:
    {unimodal_weight: 0}}, {train: [encoders, objective.flows]}]``), move the joint VAE alike. A lower bound of log p(X)
    for every β ≥ 1.

    T_m is a masked autoregressive flow; its inverse is the direction of one pass, so that drawing z given one modality
    takes a pass per dimension (two with ``coupling``). It needs the package zuko (``mmgen-core[flows]``).

    Posterior afterwards: q(z|X) given everything, the flow q(z|x_m) given one modality, and in between

    .. math:: q(z|x_S) \propto p(z)^{1 - |S|} \prod_{m \in S} q(z|x_m),

    which has no closed form and is drawn from (:class:`.product.ProductOfFlows`).

    The joint encoder needs all modalities, so rows that lack some cannot be trained on.

    Source: Senellart et al. 2023, "Improving multimodal joint variational autoencoders through normalizing flows and
    correlation analysis" (https://arxiv.org/abs/2305.11832); Senellart & Allassonnière 2025, "Bridging the inference
    gap in multimodal variational autoencoders" (https://arxiv.org/abs/2502.03952), without the shared features of
    :class:`.shared.JNFShared`. Deviations: MultiVae (https://github.com/AgatheSenellart/MultiVae) leaves the entropy of
    q(z|X), a constant there, out of the KLs; divides by p(z) once whatever S is (``prior_power``), which is the above
    for two modalities; and begins chains at a draw of one of the experts, where here a draw is chosen by importance.
    """

    Config = JNFConfig
    family = "joint-encoders"
    aggregator, prior = None, "normal"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    bound: ClassVar[Literal["joint"] | None] = "joint"
    staged: ClassVar[tuple[str, ...]] = ("unimodal_weight",)
    defaults = {"model": {"beta": 1.0}}

    def build(self, model: Model) -> None:
        """The joint encoder and a flow of every modality."""
        self.joint = JointEncoder(model)
        self.flows = nn.ModuleList(self.config.flow(model.config.latent_dim, quick="pull") for _ in model.modalities)

    def unimodal(self, model: Model, batch: Batch, experts: Gaussian) -> list[Pushed]:
        """q(z|x_m) ``[B, D]`` of every modality, given what encoders say."""
        return [Pushed(base, flow) for base, flow in zip(self.bases(model, batch, experts), self.maps, strict=True)]

    @property
    def maps(self) -> list[Flow]:
        """T of every modality."""
        return cast(list[Flow], list(self.flows))

    def bases(self, model: Model, batch: Batch, experts: Gaussian) -> list[Gaussian]:
        """N(μ_m, σ_m²) ``[B, D]`` that the flow of each modality starts from."""
        return [experts[m] for m in range(len(self.flows))]

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and ``negative_kl_to_unimodal`` ``[B]``."""
        q = self.joint(batch)  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, q[None], batch.available)
        divergence = kl_divergence(q, prior, z)
        others = {"negative_kl_to_unimodal": -self.to_unimodal(model, batch, q, z)}
        return Terms(model.log_likelihood(z, batch), divergence, others)

    def to_unimodal(self, model: Model, batch: Batch, q: Gaussian, z: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """Σ_m log q(z|X) − log q(z|x_m) at the drawn z, times ``unimodal_weight``."""
        weight = self.config.unimodal_weight
        if weight == 0:
            return torch.zeros_like(z[:, 0])
        place, joint = z.detach(), q.map(torch.Tensor.detach)
        posteriors = self.unimodal(model, batch, model.experts(batch))
        log_probs = torch.stack([posterior.log_prob(place) for posterior in posteriors])
        return weight * (joint.log_prob(place) - log_probs).sum(0)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Posterior:
        """q(z|X), a flow, or a product of flows: ``[..., B, D]``, a mixture of one where no row needs a product."""
        count, modalities = given.sum(-1), given.shape[-1]
        everything = count == modalities
        alone = given & ((count == 1) & ~everything)[..., None]  # [..., B, M]
        bases = Gaussian.stack(self.bases(model, batch, experts))
        own = bases.map(lambda value: torch.einsum("...bm,mbd->...bd", alone.to(value.dtype), value))
        base = self.joint(batch).where(everything, own)
        known = Pushed(base, Selected(self.maps), alone.to(base.mean.dtype))
        several = (count > 1) & ~everything
        if not several.any():
            return Mixture.of(known)
        power = {"independence": 1 - count, "once": -torch.ones_like(count), "none": torch.zeros_like(count)}
        prior = self.prior_for(model, bases, batch.available)
        exponent = power[self.config.prior_power].to(base.mean.dtype)
        flows = [Pushed(bases[m], flow) for m, flow in enumerate(self.maps)]
        return ProductOfFlows(known, several, flows, given, prior, exponent, self.config)
