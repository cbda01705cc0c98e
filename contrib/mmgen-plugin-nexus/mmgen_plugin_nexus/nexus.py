"""Nexus: a latent of every modality, and one above them that is inferred from messages of whichever are there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Modality, Model, Objective, Terms
from mmgen.distributions import (
    Gaussian,
    Mixture,
    fixed_points,
    kl_divergence,
    kl_gaussians,
    normal_noise,
    standard_normal,
    uniform_noise,
)
from mmgen.models import DecoderInput
from mmgen.networks import Encoder, MLPDecoder, MLPTrunk

from .options import NexusConfig, by_modality


class Nexus(Objective):
    r"""Nexus: evidence lower bounds of single modalities with latents z_m, and above them one of all these with z.

    .. math::
        \sum_m \Big\{ \mathbb E_{q(z_m|x_m)} \log p(x_m|z_m) - \beta \beta_m \mathrm{KL}(q(z_m|x_m) \| \mathcal N(0, I))
        \Big\}

    .. math::
        {} + \mathbb E_{q(z|c)} \sum_m \gamma_m \log \mathcal N(\bar z_m; f_m(z), s_m^2)
        - \beta \beta_0 \mathrm{KL}(q(z|c) \| p), \qquad c = \frac1{|S|} \sum_{m \in S} g_m(\bar z_m)

    The draws :math:`\bar z_m` are constants in the second line: it does not reach the encoders, and decoders learn from
    the first alone. S is what a row has; in a share ``dropout`` of the rows, it is a random part of it, of a size that
    is uniform on 1 … |S| − 1 (forced perceptual dropout). The further term ``latent_likelihood`` is that of z_m. It is
    no bound of log p(X), since z_m has two priors.

    Posterior afterwards: q(z|c) with messages of the means of z_m given x_S, one Gaussian; with ``points`` a mixture
    over fixed points of q(z_m|x_m). x_m is decoded from z_m ~ q(z_m|x_m) where it is given, and from the mean f_m(z)
    elsewhere (``generation``).

    Missing modalities: a row is one of a model of what it has, exactly.

    Source: Vasco et al. 2022, "Leveraging hierarchy in multimodal generative models for effective cross-modality
    inference" (Neural Networks, https://doi.org/10.1016/j.neunet.2021.11.019), section 3. Deviations: MultiVae
    (https://github.com/AgatheSenellart/MultiVae) leaves the dropout out by default, and on incomplete data; infers from
    draws of z_m; and can set s_m to the root mean square error of a batch, where here it may be learned.
    """

    Config = NexusConfig
    family = "hierarchies"
    aggregator, prior = None, "normal"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    supports_missing = True
    defaults = {"model": {"beta": 1.0}}

    def sizes(self, modalities: Mapping[str, Modality]) -> dict[str, int]:
        """Dimensions of every z_m."""
        return dict(
            zip(modalities, map(int, by_modality("bottom_dim", self.config.bottom_dim, modalities)), strict=True)
        )

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """q(z_m | x_m), of sizes of their own."""
        return self.sizes(modalities)

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """From z_m."""
        return self.sizes(modalities)

    def build(self, model: Model) -> None:
        """g_m, q(z|c) and f_m."""
        options, dim, sizes = self.config, model.config.latent_dim, self.sizes(model.modalities).values()
        if options.points > 1 and options.points % 2:
            raise MmgenError(f"objective.points is {options.points}; it should be 1, or even.")
        self.senders = nn.ModuleList(MLPDecoder(size, (options.message_dim,), options.hidden) for size in sizes)
        self.receivers = nn.ModuleList(MLPDecoder(dim, (size,), options.hidden) for size in sizes)
        self.top = Encoder(MLPTrunk((options.message_dim,), options.hidden), dim)
        learned = options.latent_scale == "learned"
        self.log_scales = nn.Parameter(torch.zeros(len(self.senders))) if learned else None
        self.weights, self.betas = (
            by_modality(name, getattr(options, name), model.modalities) for name in ("latent_weight", "bottom_beta")
        )

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and ``latent_likelihood`` ``[B]``."""
        experts, has = model.experts(batch), batch.available
        drawn = experts.rsample()
        bottoms = [z[:, :size] for z, size in zip(drawn, self.sizes(model.modalities).values(), strict=True)]
        log_likelihood = model.log_likelihood(bottoms, batch, per_modality=True)
        own = kl_gaussians(experts, standard_normal(experts)).where(has.T, 0.0)  # [M, B]
        divergence = torch.stack([beta * each for beta, each in zip(self.betas, own, strict=True)]).sum(0)
        places = [z.detach() for z in bottoms]
        q = self.meet(self.messages(places), self.seen(has))  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, q[None], has)
        divergence = divergence + self.config.top_beta * kl_divergence(q, prior, z)
        known = [self.bottom(m, z).log_prob(place) for m, place in enumerate(places)]
        above = torch.stack([weight * each for weight, each in zip(self.weights, known, strict=True)])
        return Terms(log_likelihood, divergence, {"latent_likelihood": above.where(has.T, 0.0).sum(0)})

    def seen(self, has: Bool[Tensor, "B M"]) -> Bool[Tensor, "B M"]:
        """S of each row: what it has, or a random part of it."""
        count, like = has.sum(-1), self.top.head.mean.weight
        chance, size, *places = uniform_noise((2 + has.shape[-1], len(has)), like)
        order = torch.stack(places, -1).masked_fill(~has, 2.0).argsort(-1).argsort(-1)  # 0 … |S| − 1 of what is there
        kept = 1 + (size * (count - 1)).floor()
        part = has & (order < kept[:, None])
        return torch.where(((chance < self.config.dropout) & (count > 1))[:, None], part, has)

    def messages(self, bottoms: Sequence[Float[Tensor, "*lead B _"]]) -> Float[Tensor, "M *lead B F"]:
        """g_m(z_m)."""
        return torch.stack([network(z) for network, z in zip(self.senders, bottoms, strict=True)])

    def meet(self, messages: Float[Tensor, "M *K B F"], given: Bool[Tensor, "*lead B M"]) -> Gaussian:
        """q(z | c) of the mean message of what is given, ``[..., *K, B, D]``; N(0, I) where nothing is."""
        share = given.to(messages.dtype) / given.sum(-1, keepdim=True).clamp(min=1)
        letters = "k" if messages.dim() == 4 else ""
        mean = torch.einsum(f"...bm,m{letters}bf->...{letters}bf", share, messages)
        moments = (value.unflatten(0, mean.shape[:-1]) for value in self.top(mean.flatten(0, -2)))
        rows = given.any(-1)
        return Gaussian(*moments).where(rows[..., None, :] if letters else rows)

    def bottom(self, m: int, z: Float[Tensor, "*lead D"]) -> Gaussian:
        """p(z_m | z), ``[..., d_m]``."""
        mean = self.receivers[m](z)
        spread = torch.zeros_like(mean) if self.log_scales is None else (2 * self.log_scales[m]).expand_as(mean)
        return Gaussian(mean, spread)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., K, B, D]``."""
        points, (modalities, rows, width) = self.config.points, experts.mean.shape
        z = experts.mean[:, None]
        if points > 1:
            with fixed_points():
                noise = normal_noise((points, rows, modalities * width), experts.mean)
            z = z + experts.scale[:, None] * noise.unflatten(-1, (modalities, width)).permute(2, 0, 1, 3)
        sizes = self.sizes(model.modalities).values()
        q = self.meet(self.messages([each[..., :size] for each, size in zip(z, sizes, strict=True)]), given)
        return Mixture(q, torch.full_like(q.mean[..., 0], -math.log(points)))

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> DecoderInput:
        """z_m of the target: from its own posterior where it is given, of what z says of it elsewhere."""
        m = list(model.modalities).index(target)
        p = self.bottom(m, z)
        values = p.mean if self.config.generation == "mean" else p.rsample()
        if batch is None or given is None:
            return DecoderInput(values)
        own, size = model.experts(batch)[m], values.shape[-1]
        q = own.map(lambda value: value[..., :size].expand_as(values))
        drawn, there = q.rsample(), given[..., m]
        ratio = torch.where(there, p.log_prob(drawn) - q.log_prob(drawn), 0.0)
        return DecoderInput(torch.where(there[..., None], drawn, values), ratio)
