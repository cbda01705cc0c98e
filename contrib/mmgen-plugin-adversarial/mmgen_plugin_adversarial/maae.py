"""mAAE: adversarial autoencoders of several modalities, each decoded from the point of every other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from mmgen import Batch, Model

from .points import AdversaryConfig, Points, shares


class MAAE(Points):
    r"""mAAE: a classifier D tells points of rows from draws of the prior, and the points learn that it cannot.

    .. math::
        \sum_i \frac1{|S|} \sum_{j \in S} \log p(x_i|z_j) + \frac\beta{|S|} \sum_{j \in S} \log D(z_j), \qquad z_j =
        g_j(x_j)

    .. math::
        \max_D \; \log D(z') + \frac1{|S|} \sum_{j \in S} \log (1 - D(z_j)), \qquad z' \sim p

    in turn, in every step. S is what a row has. It is no bound, and has no density.

    Posterior afterwards: the points of what is given, each as likely; decoders take one of them.

    Source: Makhzani et al. 2016 (https://arxiv.org/abs/1511.05644), Eq. 1 with the objective of Goodfellow et al. 2014
    that does not saturate; for several modalities multi-view-AE (https://github.com/alawryaguila/multi-view-AE).
    Deviations: there, the adversary is told points by 1 − log D(z_j), which has no lower bound as D falls, in the place
    of log (1 − D(z_j)); log-likelihoods are averaged over i too; and reconstruction, adversary and points have three
    steps in turn.
    """

    Config = AdversaryConfig
    family = "adversarial"

    def build(self, model: Model) -> None:
        """g_m, and the logit of D."""
        super().build(model)
        self.adversary = self.make_adversary(model, self.config.adversary_hidden)

    def distance(self, model: Model, batch: Batch, z: Float[Tensor, "M B D"]) -> Float[Tensor, " B"]:
        """−log D, averaged over what a row has."""
        return -(shares(batch.available, z) * logsigmoid(self.judged(z))).sum(0)

    def adversary_terms(self, model: Model, batch: Batch) -> Float[Tensor, " B"]:
        """What D maximises."""
        z = self.points(batch)
        told = (shares(batch.available, z) * logsigmoid(-self.judged(z))).sum(0)
        return logsigmoid(self.judged(self.drawn(model, batch, z))) + told

    def judged(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """The logit of D."""
        assert self.adversary is not None
        logits: torch.Tensor = self.adversary(z)
        return logits.squeeze(-1)
