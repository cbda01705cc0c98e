"""MHVAE: levels of latents, and at every level a product of what each modality says given the levels above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, Modality, Model, Objective, Terms
from mmgen.distributions import (
    Gaussian,
    Reference,
    kl_gaussians,
    singletons,
    standard_normal,
    subsets_within,
    uniform_log_weights,
)
from mmgen.models import Projections
from mmgen.networks import Encoder, MLPTrunk

from .hierarchy import Hierarchy
from .levels import Levels
from .meeting import Meeting
from .options import MHVAEConfig


class MHVAE(Objective):
    r"""MHVAE: the mean over subsets S of evidence lower bounds with L levels of latents, z = (z_1, …, z_L).

    .. math::
        \frac1{|\mathcal P|} \sum_{S \in \mathcal P} \Big\{ \mathbb E_{q(z|x_S)} \sum_m \log p(x_m|z_1)
        - \beta \Big[ \mathrm{KL}(q(z_L|x_S) \| p(z_L))
        + \sum_{l<L} \mathbb E_{q(z_{>l}|x_S)} \mathrm{KL}(q(z_l|x_S, z_{>l}) \| p(z_l|z_{>l})) \Big] \Big\}

    .. math::
        q(z_l|x_S, z_{>l}) \propto p(z_l|z_{>l}) \prod_{m \in S} q(z_l|x_m, z_{>l})

    All modalities that a row has are reconstructed from every subset of these, so that this is a lower bound of log
    p(X). Below the highest level q(z_l | x_m, z_{>l}) is a network of features of x_m and of the features h_l of which
    the prior p(z_l | z_{>l}) is made (:class:`.hierarchy.Hierarchy`), the same network for all modalities; features of
    x_m for a level are made of those for the level below it.

    Posterior afterwards: q(z | x_S) of what is given, level by level, a density without closed moments
    (:class:`.levels.Levels`).

    Missing modalities: a row has the subsets of what it has, and trains exactly as if the others did not exist.

    Source: Dorent et al. 2023, "Unified brain MR-ultrasound synthesis using multi-modal hierarchical representations"
    (MICCAI, https://arxiv.org/abs/2309.08747), written after its released code. Deviations: levels are vectors and
    features the outputs of layers, not feature maps of a U-Net with a level at each resolution; there is no adversarial
    loss on what is generated, which makes images sharper and no better bound. The released code
    (https://github.com/ReubenDo/MHVAE) sums over everything and each of two modalities (``subsets``), adds up 1/σ in
    products (``product``), draws the KL (``kl``), has a level depend on the next above alone (``prior.above``), and
    keeps means and log-scales within ±10; its reconstruction is Huber's loss.
    """

    Config = MHVAEConfig
    family = "hierarchies"
    aggregator, prior = None, "hierarchy"
    priors = ("hierarchy",)
    bound = "joint"
    supports_missing = True
    defaults = {"model": {"beta": 1.0}}

    @property
    def hierarchy(self) -> Hierarchy:
        """The prior, of which posteriors are made too."""
        return cast(Hierarchy, self.prior_for)

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: features without a variance are in the place of encoders."""
        return {}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """From z_1, or all levels."""
        lowest = self.hierarchy.sizes_of(latent_dim)[0]
        return dict.fromkeys(modalities, lowest if self.config.decoded == "lowest" else latent_dim)

    def build(self, model: Model) -> None:
        """Features of every modality, q(z_L | x_m), and q(z_l | x_m, z_{>l})."""
        width, hidden = self.config.feature_dim, self.config.hidden
        prior = self.hierarchy
        self.bottom = Projections(model, width)
        self.up = nn.ModuleList(
            nn.ModuleList(MLPTrunk((width,), (width,)) for _ in prior.sizes[2:]) for _ in model.modalities
        )
        self.tops = nn.ModuleList(Encoder(MLPTrunk((width,), hidden), prior.sizes[-1]) for _ in model.modalities)
        self.meet = nn.ModuleList(
            Meeting(above, width, hidden, size) for above, size in zip(prior.widths, prior.sizes, strict=False)
        )

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        has = batch.available
        subsets, possible = self.subsets(has)  # [S, B, M], [S, B]
        q = self.inferred(model, batch, subsets)
        z, levels = q.drawn()  # [S, B, D]
        p = self.prior_for(model, model.experts(batch), has)
        weights = uniform_log_weights(possible.movedim(-2, -1), z.dtype).exp()
        log_likelihood = (model.log_likelihood(self.taken(z), batch) * weights).sum(1)
        return Terms(log_likelihood, (weights * self.to_prior(q, levels, p, z)).sum(0))

    def subsets(self, has: Bool[Tensor, "B M"]) -> tuple[Bool[Tensor, "S B M"], Bool[Tensor, "S B"]]:
        """The subsets, and which of them each row can have."""
        if self.config.subsets == "all":
            return subsets_within(has, self.config.max_subsets)
        subsets = torch.cat([has[None], singletons(has)])
        return subsets, subsets.any(-1)

    def to_prior(
        self, q: Levels, levels: list[Gaussian], p: Reference, z: Float[Tensor, "S B D"]
    ) -> Float[Tensor, "S B"]:
        """Σ_l KL(q(z_l | x_S, z_{>l}) ‖ p(z_l | z_{>l})) at the drawn z."""
        if self.config.kl == "closed-form" and isinstance(p, Levels):
            return torch.stack([kl_gaussians(one, other) for one, other in zip(levels, p.at(z), strict=True)]).sum(0)
        return q.log_prob(z) - p.log_prob(z)

    def inferred(self, model: Model, batch: Batch, given: Bool[Tensor, "*lead B M"]) -> Levels:
        """q(z | x_S), ``[..., B, D]``; the prior where nothing is given."""
        features, prior = [self.bottom(batch)], self.hierarchy  # [M, B, F] for every level but the highest
        for layers in zip(*self.up, strict=True):
            features.append(torch.stack([layer(x) for layer, x in zip(layers, features[-1], strict=True)]))
        tops = Gaussian.stack([Gaussian(*top(x)) for top, x in zip(self.tops, features[-1], strict=True)])
        nothing = standard_normal(tops[0])

        def below(level: int, above: Float[Tensor, "*any _"]) -> Gaussian:
            h = prior.features(level, above)  # [..., B, H]
            experts = self.meet[level](h, features[level])  # [..., B, M, d]
            return self.multiplied(prior.of_features(level, h), experts, given)

        top = self.multiplied(nothing, tops.map(lambda value: value.movedim(0, -2)), given)
        return Levels(top, prior.sizes, below)

    def multiplied(self, p: Gaussian, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Gaussian:
        """p times the given experts ``[..., B, M, d]``."""
        power = 1.0 if self.config.product == "precisions" else 0.5
        own, others = (-power * p.log_variance).exp(), (-power * experts.log_variance).exp() * given[..., None]
        total = own + others.sum(-2)
        return Gaussian((own * p.mean + (others * experts.mean).sum(-2)) / total, -total.log() / power)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Levels:
        """``[..., B, D]``; N(0, I) at the highest level, and the prior below it, where nothing is given."""
        return self.inferred(model, batch, given)

    def taken(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any _"]:
        """What decoders take of z."""
        return z if self.config.decoded == "all" else z[..., : self.hierarchy.sizes[0]]

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> Float[Tensor, "*lead B _"]:
        """The lowest level, or all."""
        return self.taken(z)
