"""HELVAE and MoHELVAE: posteriors that are Hellinger pools of experts, matched or not, or mixtures of these."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import kl_divergence
from mmgen.models import expected_log_likelihood

from .barycentric import MWBVAE


class HELVAEConfig(ObjectiveConfig):
    """Options of :class:`HELVAE`."""

    mixture_kl: Literal["density", "components"] = Field(
        "density",
        description="KL of a pool that is a mixture to the prior: of its density, by one draw of every component, or "
        "the weighted mean of its components' KLs, which is an upper bound and has a closed form.",
    )


class HELVAE(Objective):
    r"""HELVAE: the evidence lower bound of the Hellinger pool of the experts.

    .. math::
        \mathbb E_q \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q \| p), \qquad
        q = \mathcal N(\mathbb E_h z, \mathrm{diag}\, \mathrm{Var}_h z), \quad
        h(z) \propto \Big( \sum_m \sqrt{q(z|x_m)} \Big)^2

    h, the Hölder pool with α = ½, minimises the sum of squared Hellinger distances to the experts. q matches its
    moments (the aggregator ``moment-matched``). Aggregator ``hoelder``: q = h itself, a mixture of the geometric means
    of pairs, after Hölder++ (whose text was not at hand beyond its abstract), or with another α; z is then drawn from
    every component, weighted, so that gradients reach the weights. With ``model.private_dim`` every modality has a
    latent of its own beside z, as in Hölder+ and in the released experiments of HELVAE.

    Missing modalities: a row has the pool of what it has, and trains exactly as if the others did not exist.

    Source: Vo & Valera 2026, "Hellinger multimodal variational autoencoders" (AISTATS,
    https://arxiv.org/abs/2601.06572); Vo, Martínez-García & Valera 2026 (Hölder++, https://arxiv.org/abs/2606.13381),
    without its hierarchical inference, of which no code was found. Deviations: the released code
    (https://github.com/vothuckhanhhuyen/hellinger-variational-autoencoders) adds 1e-8 to the sum of two variances in
    the overlap of two experts, and has variances of 1e-8 at least; weighs KLs of private latents by modality.
    """

    Config = HELVAEConfig
    family = "products-of-experts"
    of_mixtures = ("mixture_kl",)
    aggregator, prior = "moment-matched", "normal"
    aggregators, priors = ("moment-matched", "hoelder"), ("normal", "scaled-normal", "laplace", "flow")
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        q = self.aggregate(experts, batch.available)  # [C, B, D]
        prior = self.prior_for(model, experts, batch.available)
        log_likelihood, drawn = expected_log_likelihood(model, batch, q, stratified=False)
        if self.config.mixture_kl == "components" or not self.aggregate.mixes:
            to_prior = kl_divergence(q.components, prior, drawn)  # [C, B]
        else:
            z = cast(Tensor, drawn)[0]  # [C, B, D]
            to_prior = q.log_prob(z) - prior.log_prob(z)
        return Terms(log_likelihood, (q.weights * to_prior).sum(0))


class MoHELVAE(MWBVAE):
    r"""MoHELVAE: the evidence lower bound of the mixture of the Hellinger pools of all K = 2^M − 1 subsets S.

    .. math::
        \frac1K \sum_S \Big\{ \mathbb E_{q_S} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_S \| p) \Big\}

    with q_S the Gaussian with the moments of the Hellinger pool of the experts in S, as in ``helvae``. The mean of the
    components' KLs bounds the KL of the mixture from above, so this is a lower bound of log p(X). Posterior afterwards:
    q_S of what is given.

    Missing modalities: a row has the subsets of what it has, and trains exactly as if the others did not exist.

    Source: the variant of that name (``joint_helvae``) in the released code of Vo & Valera 2026
    (https://github.com/vothuckhanhhuyen/hellinger-variational-autoencoders). Deviation: that code cuts a batch into
    blocks as MoPoE-VAE does, where the last subset has what remains.
    """

    family = "mixtures-of-experts"
    component_defaults = {"aggregator": {"pool": "moment-matched"}}
