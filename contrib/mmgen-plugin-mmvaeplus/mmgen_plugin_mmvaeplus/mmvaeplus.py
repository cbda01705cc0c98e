"""MMVAE+: a mixture of experts with private latents, whose decoders cannot do without the shared one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Model, Objective, Terms
from mmgen.distributions import Component, Gaussian, Mixture, in_family, with_density
from mmgen.models import LearnedScale, importance_weighted, reparameterise_again

from .options import MMVAEPlusConfig


class MMVAEPlus(Objective):
    r"""MMVAE+: every modality has a private latent w_m beside z, and is decoded from its own only together with its
    own z.

    With :math:`q(z|X) = \tfrac1M \sum_m q(z|x_m)`, draws :math:`z_r \sim q(z|x_r)`, :math:`w_r \sim q(w_r|x_r)` and,
    for all others, :math:`\tilde w_m \sim r_m(w_m)`:

    .. math::
        \text{looser:} \quad & \tfrac1M \sum_r \mathbb E \log \tfrac1K \sum_k \omega_r^k, \qquad
        \text{iwae:} \quad \mathbb E \log \tfrac{1}{MK} \sum_r \sum_k \omega_r^k \\
        \log \omega_r = \ & \log p(x_r|z_r, w_r) + \sum_{m \ne r} \log p(x_m|z_r, \tilde w_m)
        + \beta \Big[ \log \frac{p(z_r)}{q(z_r|X)} + \beta_w \log \frac{p(w_r)}{q(w_r|x_r)} \Big]

    ``dreg`` has the value of either and doubly reparameterised gradients through z and w_r; draws of r_m have plain
    ones. β_w is ``model.private_beta``, 1 in the paper. Terms of the weighted bounds:
    :func:`mmgen.models.importance_weighted`.

    The auxiliary r_m (scales learned, means 0) is drawn from in training alone, so that a decoder that looks at w_m
    alone is wrong M − 1 times of M. A trained model draws w_m from q(w_m|x_m) where x_m is given and from p(w_m)
    elsewhere. At β = β_w = 1 and with r_m = p (``auxiliary=prior``) it is a lower bound of log p(X); with another r_m
    it is one of models that have r_m as the prior of all but w_r, and with ``own`` of none.

    Missing modalities: M, m and r run over what a row has, exactly. After training a single modality has the posterior
    q(z|x_m), several a uniform mixture.

    Source: Palumbo et al. 2023, "MMVAE+: Enhancing the generative quality of multimodal VAEs without compromises"
    (ICLR, https://openreview.net/forum?id=sdQGxouELX), section 3, with the objectives of the released code
    (https://github.com/epalu/mmvaeplus). Deviations: Gaussians are the default, as in mmgen's ``mmvae``; the paper is
    ``posterior=laplace``, ``posterior_scale=normalised``, ``--prior laplace``. q(z|x_m) and q(w_m|x_m) are two heads of
    one trunk, and two networks in the released code, which also adds 1e-6 to scales.
    """

    Config = MMVAEPlusConfig
    family = "private-latents"
    aggregator, prior = "moe", "normal"
    aggregators = ("moe",)
    priors: ClassVar[tuple[str, ...] | None] = ("normal", "scaled-normal", "laplace", "flow")
    supports_missing = True
    draws_private = True
    defaults = {"model": {"private_dim": 16}}

    def build(self, model: Model) -> None:
        """Scales of p(w_m) and of r_m, where they are learned.

        Raises:
            MmgenError: No modality has private latents.
        """
        if not model.private:
            raise MmgenError(
                "model.private_dim: this objective is about private latents; without them it is the objective mmvae."
            )
        options, sizes = self.config, model.private.values()
        self.private_scales = nn.ModuleList(map(LearnedScale, sizes if options.private_prior == "learned" else ()))
        self.auxiliary_scales = nn.ModuleList(map(LearnedScale, sizes if options.auxiliary == "learned" else ()))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]`` and ``importance`` ``[B]``."""
        options, experts = self.config, model.experts(batch)
        prior = self.prior_for(model, experts, batch.available)
        posterior, own = self.aggregate(self.unimodal(experts), batch.available), model.private_posteriors(batch)
        z = posterior.rsample_each((options.samples,))  # [K, M, B, D]
        w = {name: q.rsample((options.samples,)) for name, q in own.items()}  # [K, B, P_m]
        log_likelihood = model.log_likelihood(z, batch, private=self.taken(model, z, w))  # [M, K, M, B]
        dreg = options.estimator == "dreg"
        if dreg and options.dreg_density == "constant":
            posterior = Mixture(posterior.components.map(torch.Tensor.detach), posterior.log_weights)
            own = {name: q.map(torch.Tensor.detach) for name, q in own.items()}
        log_ratio = posterior.log_prob(z) - prior.log_prob(z)  # [K, M, B]
        log_ratio = log_ratio + model.config.private_beta * self.private_ratio(model, own, w, log_ratio)
        tight = options.estimator == "iwae" or (dreg and options.dreg_bound == "tight")
        terms, normalised = importance_weighted(
            log_likelihood, log_ratio, posterior.log_weights, model.config.beta, tight=tight
        )
        if dreg:
            reparameterise_again(z, normalised)
            for m, name in enumerate(model.modalities):
                if name in w:
                    reparameterise_again(w[name], normalised[:, m])
        return terms

    def taken(
        self, model: Model, z: Float[Tensor, "K M B D"], w: Mapping[str, Float[Tensor, "K B _"]]
    ) -> dict[str, Float[Tensor, "K M B _"]]:
        """The private latents with which each modality is decoded from the z of every modality r: w_m for r = m, draws
        of r_m otherwise.
        """
        taken = {}
        for m, name in enumerate(model.modalities):
            if name not in w:
                continue
            own = w[name][:, None].expand(*z.shape[:-1], -1)
            if self.config.auxiliary == "own":
                taken[name] = own
                continue
            drawn = self.auxiliary(model, own, name).rsample()
            itself = torch.arange(z.shape[1], device=z.device) == m
            taken[name] = torch.where(itself[:, None, None], own, drawn)
        return taken

    def private_ratio(
        self, model: Model, own: Mapping[str, Component], w: Mapping[str, Tensor], like: Float[Tensor, "K M B"]
    ) -> Float[Tensor, "K M B"]:
        """log q(w_r | x_r) − log p(w_r) of every modality r; 0 of one without private latents."""
        ratios = []
        for name in model.modalities:
            if name in w:
                q, p = with_density(own[name]), with_density(self.prior_of(model, w[name][0], name))
                ratios.append(q.log_prob(w[name]) - p.log_prob(w[name]))
            else:
                ratios.append(torch.zeros_like(like[:, 0]))
        return torch.stack(ratios, 1)

    def unimodal(self, head: Gaussian) -> Component:
        """Posteriors from what a head gives."""
        return in_family(head, self.config.posterior, normalised=self.config.posterior_scale == "normalised")

    def centred(self, model: Model, scales: nn.ModuleList, like: Float[Tensor, "*lead P"], target: str) -> Component:
        """The distribution of the family with the mean 0 and the learned scales of a modality, or the scale 1."""
        zeros = torch.zeros_like(like)
        log_scale = scales[list(model.private).index(target)]() if len(scales) else zeros
        return in_family(Gaussian(zeros, 2 * log_scale.expand_as(zeros)), self.config.posterior)

    def prior_of(self, model: Model, like: Float[Tensor, "*lead P"], target: str) -> Component:
        """p(w_m)."""
        return self.centred(model, self.private_scales, like, target)

    def auxiliary(self, model: Model, like: Float[Tensor, "*lead P"], target: str) -> Component:
        """r_m(w_m); p(w_m) where it is none of its own."""
        learned = self.config.auxiliary == "learned"
        return self.centred(model, self.auxiliary_scales if learned else self.private_scales, like, target)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The uniform mixture of what is given, ``[..., M, B, D]``."""
        return self.aggregate(self.unimodal(experts), given)

    def private_posterior(self, model: Model, head: Gaussian, target: str) -> Component:
        """q(w_m | x_m) of the family."""
        return self.unimodal(head)

    def private_prior(self, model: Model, like: Float[Tensor, "*lead P"], target: str) -> Component:
        """p(w_m), or r_m (``generation=auxiliary``)."""
        generating = self.auxiliary if self.config.generation == "auxiliary" else self.prior_of
        return generating(model, like, target)
