"""mWAE: Wasserstein autoencoders of several modalities, with a critic."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model
from mmgen.distributions import uniform_noise

from .points import AdversaryConfig, Points, shares


class MWAEConfig(AdversaryConfig):
    """Options of :class:`MWAE`."""

    penalty: float = Field(
        10.0, ge=0, description="λ, the weight of the penalty of slopes of the critic that are not 1."
    )


class MWAE(Points):
    r"""mWAE: a critic f of slope 1 gives draws of the prior more than points of rows, which learn to be given as much.

    .. math::
        \sum_i \frac1{|S|} \sum_{j \in S} \log p(x_i|z_j) + \frac\beta{|S|} \sum_{j \in S} f(z_j), \qquad z_j = g_j(x_j)

    .. math::
        \max_f \; f(z') - \frac1{|S|} \sum_{j \in S} \Big[ f(z_j) + \lambda \big( |\nabla f(\hat z_j)| - 1 \big)^2
        \Big], \qquad z' \sim p, \quad \hat z_j = u z_j + (1 - u) z'

    in turn, in every step, with u uniform on (0, 1). What f finds is the Wasserstein distance of the points of all rows
    from the prior. S is what a row has. It is no bound, and has no density.

    Posterior afterwards: the points of what is given, each as likely; decoders take one of them.

    Source: Tolstikhin et al. 2018 (https://arxiv.org/abs/1711.01558), with the critic of Arjovsky et al. 2017 and the
    penalty of Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), Eq. 3; for several modalities multi-view-AE
    (https://github.com/alawryaguila/multi-view-AE). Deviations: there, weights of the critic are clipped to ±0.01 in
    the place of the penalty, its part is divided by M + 1, log-likelihoods are averaged over i too, and reconstruction,
    critic and points have three steps in turn.
    """

    Config = MWAEConfig
    family = "adversarial"

    def build(self, model: Model) -> None:
        """g_m and f."""
        super().build(model)
        self.adversary = self.make_adversary(model, self.config.adversary_hidden)

    def distance(self, model: Model, batch: Batch, z: Float[Tensor, "M B D"]) -> Float[Tensor, " B"]:
        """−f, averaged over what a row has."""
        return -(shares(batch.available, z) * self.judged(z)).sum(0)

    def adversary_terms(self, model: Model, batch: Batch) -> Float[Tensor, " B"]:
        """What f maximises."""
        z = self.points(batch)
        drawn = self.drawn(model, batch, z)
        u = uniform_noise(tuple(z.shape[:-1]), z)[..., None]
        learns = torch.is_grad_enabled()
        with torch.enable_grad():
            between = (u * z + (1 - u) * drawn).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.judged(between).sum(), between, create_graph=learns)
        # The root has no derivative at a slope of 0.
        steep = (slope.square().sum(-1) + torch.finfo(z.dtype).tiny ** 0.5).sqrt()
        against = self.judged(z) + self.config.penalty * (steep - 1).square()
        return self.judged(drawn) - (shares(batch.available, z) * against).sum(0)

    def judged(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """f."""
        assert self.adversary is not None
        values: torch.Tensor = self.adversary(z)
        return values.squeeze(-1)
