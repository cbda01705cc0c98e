"""CMVAE: MMVAE+ whose shared latent has a prior of clusters, of which a trained model keeps as many as there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, MmgenError, Model, Table
from mmgen_plugin_mmvaeplus import MMVAEPlus, MMVAEPlusConfig

from .clusters import Clusters

TINY = 1e-20


class CMVAEConfig(MMVAEPlusConfig):
    """Options of :class:`CMVAE`, beside those of MMVAE+."""

    only_with = {**MMVAEPlusConfig.only_with, "entropy_weight": {"number": ("found",)}}

    number: Literal["found", "all"] = Field(
        "found",
        description="How many clusters a trained model has: as many as training rows show, or all of prior.clusters.",
    )
    entropy_weight: float = Field(
        1.0, ge=0, description="η of the score by which a number of clusters is chosen; MultiVae takes β."
    )


class CMVAE(MMVAEPlus):
    r"""CMVAE: MMVAE+ with :math:`p(z) = \sum_c \pi_c\, p(z|c)`, a prior of clusters that is learned.

    .. math::
        \tfrac1M \sum_r \mathbb E \Big\{ \log p(x_r|z_r, w_r) + \sum_{m \ne r} \log p(x_m|z_r, \tilde w_m)
        + \beta \, \mathbb E_{q(c|z_r)} \log \frac{p(c)\, p(z_r|c)\, p(w_r)}{q(z_r|X)\, q(w_r|x_r)\, q(c|z_r)} \Big\}

    or K samples under a logarithm, as in MMVAE+. The best q(c|z) is p(c|z), as the paper takes it, and with it the mean
    over c is :math:`\log p(z_r)`: so the equation is that of :class:`mmgen_plugin_mmvaeplus.MMVAEPlus` with the prior
    ``clusters``, and nothing else.

    ``classify`` answers ``cluster``: log of the mean over what a row has of p(c|z = E q(z|x_m)).

    How many clusters there are is found after training (``number=found``). From C down, the cluster with the fewest
    training rows is taken away, and of all C − 1 numbers the one is kept at which

    .. math:: h = \mathrm{mean} \big[ \eta\, \mathbb H(c|z) / \log C' - \log p(z) / D \big]

    is least, over training rows and what they have, with C' the clusters that are left. Weights π of those that are
    kept are divided by their sum.

    Source: Palumbo et al. 2024, "Deep generative clustering with multimodal diffusion variational autoencoders" (ICLR,
    https://openreview.net/forum?id=k5THrhXDV3), sections 3.1 and 3.2, without its diffusion decoders; h as MultiVae has
    it (https://github.com/AgatheSenellart/MultiVae). Deviations: there, a row's cluster is the one that most modalities
    vote for, and z is drawn; here p(c|·) is averaged at posterior means, so that nothing is left to chance. η is 1 and
    no β, since β says how well z is known, not how decided rows are.
    """

    Config = CMVAEConfig
    family = "private-latents"
    prior = "clusters"
    priors = ("clusters",)

    @property
    def clusters(self) -> Clusters:
        """The prior."""
        return cast(Clusters, self.prior_for)

    def build(self, model: Model) -> None:
        """Scales of private latents.

        Raises:
            MmgenError: No private latents, or a prior of another family than the posteriors'.
        """
        super().build(model)
        if self.clusters.config.family != self.config.posterior:
            raise MmgenError(
                f"prior.family is {self.clusters.config.family!r} and objective.posterior {self.config.posterior!r}; "
                "clusters and posteriors should be of one family."
            )

    def log_joints(self, model: Model, batch: Batch) -> Float[Tensor, "B M C"]:
        """log π_c + log p(z|c) at the mean z of every q(z|x_m) of a prepared batch."""
        return self.clusters.log_joint(self.unimodal(model.experts(batch)).mean).transpose(0, 1)

    def classify(self, model: Model, batch: Batch) -> Mapping[str, Float[Tensor, "B C"]]:
        """``cluster``: log p(c | x), of all C, also those that were taken away."""
        return {"cluster": _averaged(self.log_joints(model, batch), batch.available).clamp(min=TINY).log()}

    def solve(self, model: Model, train: Table) -> None:
        """How many clusters there are."""
        self.clusters.keep(torch.ones_like(self.clusters.kept))
        if self.config.number == "all" or not len(train):
            return
        device = self.clusters.kept.device
        prepared = [model.prepare(batch.to(device)) for batch in train.batches(512)]
        experts = torch.cat([self.unimodal(model.experts(batch)).mean.transpose(0, 1) for batch in prepared])
        has = torch.cat([batch.available for batch in prepared])
        found = self.clusters.kept.clone()
        least = torch.inf
        for count in range(len(found), 1, -1):
            log_joint = self.clusters.log_joint(experts)
            h = self._score(log_joint, has, count)
            if h < least:
                least, found = h, self.clusters.kept.clone()
            mass = _averaged(log_joint, has).argmax(-1).bincount(minlength=len(found)).double()
            fewest = mass.masked_fill(~self.clusters.kept, torch.inf).argmin()
            rest = self.clusters.kept.clone()
            rest[fewest] = False
            self.clusters.keep(rest)
        self.clusters.keep(found)

    def _score(self, log_joint: Float[Tensor, "N M C"], has: Bool[Tensor, "N M"], count: int) -> float:
        """h: how undecided rows are between the clusters that are left, less how likely they are."""
        log_share, dimensions = log_joint.log_softmax(-1), self.clusters.means.shape[1]
        entropy = -(log_share.exp() * log_share.masked_fill(log_share == -torch.inf, 0.0)).sum(-1)
        each = (
            self.config.entropy_weight * entropy / torch.tensor(float(count)).log()
            - log_joint.logsumexp(-1) / dimensions
        )
        means = (each * has).sum(-1) / has.sum(-1).clamp(min=1)
        return float(means.mean())


def _averaged(log_joint: Float[Tensor, "N M C"], has: Bool[Tensor, "N M"]) -> Float[Tensor, "N C"]:
    """The mean of p(c | z_m) over what each row has."""
    shares = log_joint.softmax(-1) * has[..., None]
    return shares.sum(1) / has.sum(-1, keepdim=True).clamp(min=1)
