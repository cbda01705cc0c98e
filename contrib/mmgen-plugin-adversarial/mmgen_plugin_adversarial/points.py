"""What the methods here share: encoders that give points, from each of which everything is decoded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Modality, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, mixture_of_experts
from mmgen.models import Projections
from mmgen.networks import MLPDecoder


class AdversaryConfig(ObjectiveConfig):
    """Options of objectives with an adversary."""

    adversary_hidden: tuple[int, ...] = Field((64, 64), description="Hidden widths of the adversary.")


class Points(Objective):
    r"""Autoencoders z_m = g_m(x_m) without a variance: every modality is decoded from every point.

    .. math::
        \sum_i \frac1{|S|} \sum_{j \in S} \log p(x_i|z_j) - \beta\, \Omega(z_S)

    S is what a row has, also for i, so that a row that lacks modalities is one of a model of what it has. Ω holds the
    points of all rows together near the prior.
    """

    aggregator, prior = None, "normal"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    supports_missing = True

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: g_m are in the place of encoders."""
        return {}

    def build(self, model: Model) -> None:
        """g_m of every modality."""
        self.points = Projections(model, model.config.latent_dim)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        z, has = self.points(batch), batch.available  # [M, B, D]
        log_likelihood = model.log_likelihood(z, batch)  # [M, M, B]: of i, from z_j
        return Terms((shares(has, z) * log_likelihood).sum(1), self.distance(model, batch, z))

    @abstractmethod
    def distance(self, model: Model, batch: Batch, z: Float[Tensor, "M B D"]) -> Float[Tensor, " B"]:
        """Ω of every row."""

    def drawn(self, model: Model, batch: Batch, z: Float[Tensor, "M B D"]) -> Float[Tensor, "B D"]:
        """One draw of the prior for every row."""
        like = z.detach()
        return self.prior_for(model, Gaussian(like, torch.zeros_like(like)), batch.available).rsample()

    def make_adversary(self, model: Model, hidden: tuple[int, ...]) -> nn.Module:
        """A network from z to one number, ``[..., D]`` to ``[..., 1]``."""
        return MLPDecoder(model.config.latent_dim, (1,), hidden)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The points of what is given, each as likely: ``[..., M, B, D]``; N(0, I) where nothing is."""
        return mixture_of_experts(Gaussian.point(self.points(batch)), given)


def shares(has: Bool[Tensor, "B M"], like: Tensor) -> Float[Tensor, "M B"]:
    """1/|S| of what a row has, 0 elsewhere."""
    there = has.T.to(like.dtype)
    return there / there.sum(0).clamp(min=1)
