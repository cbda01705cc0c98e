"""MVTCAE: the joint posterior stays close to every unimodal one."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Reference, kl_divergence, singletons


class MVTCAEConfig(ObjectiveConfig):
    """Options of :class:`MVTCAE`."""

    only_with = {"tc_ratio": {"coefficients": ("official",)}}

    coefficients: Literal["paper", "official"] = Field(
        "paper",
        description="'paper' as in \"Mitigating the limitations of multimodal VAEs\": likelihood 1, every KL π = "
        "1/(M+1); 'official' as in Hwang et al. 2021: likelihood (M−a)/M, KLs a/M to each q_m and 1−a to the prior.",
    )
    tc_ratio: float | None = Field(
        None,
        ge=0,
        le=1,
        description="a of 'official', the share of total correlation; by default M/(M+1), which is the 5/6 of the "
        "released scripts for M = 5.",
    )
    rescale: bool = Field(
        False,
        description="Multiply the likelihoods alone by π/2: 'MVTCAE (rescale)' of \"Mitigating the limitations of "
        'multimodal VAEs", Appendix H.',
    )


class MVTCAE(Objective):
    r"""MVTCAE: one joint posterior, held close to the prior and to every unimodal posterior.

    The KLs are forward, joint ‖ unimodal. With q = q(z|X), q_m = q(z|x_m), p the prior and π = 1/(M+1),
    ``coefficients=paper`` is

    .. math::
        \mathbb E_q \sum_m \log p(x_m|z) - \beta \pi \Big[ \mathrm{KL}(q \| p) + \sum_m \mathrm{KL}(q \| q_m) \Big]

    and ``coefficients=official``, with the ratio a,

    .. math::
        \tfrac{M-a}{M}\, \mathbb E_q \sum_m \log p(x_m|z)
        - \beta \Big[ (1-a)\, \mathrm{KL}(q \| p) + \tfrac aM \sum_m \mathrm{KL}(q \| q_m) \Big].

    At a = M/(M+1) they differ in the factor M/(M+1) of the likelihoods alone.

    The divergence of ``paper`` is KL(q ‖ p_f) − log Z, with p_f = p^π Π_m q_m^π / Z the normalised geometric mean
    (Lemma 1 of the second source): the ELBO under the prior ``geometric`` without its normaliser.

    Posterior, in training and afterwards: the product of the given experts, without N(0, I); a single modality has q_m.
    With ``aggregator.prior_expert=all`` N(0, I) is an expert of the joint and of every unimodal posterior, q_m ∝ p(z)
    q(z|x_m), as the text of the second source has it. With another aggregator q is its posterior; where that is a
    mixture Σ_c w_c q_c, q stands for its components: each KL is Σ_c w_c KL(q_c ‖ ·), which bounds that of the mixture
    from above, and each row is decoded from a component drawn by weight. Where components are no Gaussians, KLs are
    estimated by a sample of each.

    Rows that lack modalities train exactly: M counts those that a row has, also in π and in the default a. Not a bound
    of log p(X): the reference depends on X.

    Source: Hwang et al. 2021 (MVTCAE), whose released code has the coefficients of ``official`` with β = 2.5;
    "Mitigating the limitations of multimodal VAEs with coordination-based approach", Lemma 1 and Appendix H. Deviation:
    the default coefficients are those of the second.
    """

    Config = MVTCAEConfig
    family = "products-of-experts"
    aggregator, prior = "poe", "normal"
    aggregators, priors = "shared", ("normal", "scaled-normal", "laplace", "vamp", "flow")
    component_defaults = {"aggregator": {"prior_expert": "none"}}
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)  # [M, B, D]
        joint = self.aggregate(experts, batch.available)  # C components, [C, B, D]
        q = joint.components.map(lambda value: value)  # products in numbers, which several divergences need
        to_prior = kl_divergence(q, self.prior_for(model, experts, batch.available))  # [C, B]
        to_unimodal = kl_divergence(q[:, None], self.unimodal(experts, batch.available))  # [C, M, B]
        to_unimodal = to_unimodal.where(batch.available.T, 0.0).sum(1)
        likelihood, unimodal, prior = self.coefficients(batch.available.sum(-1, dtype=q.mean.dtype))
        log_likelihood = likelihood * model.log_likelihood(joint.rsample(), batch)
        return Terms(log_likelihood, (joint.weights * (unimodal * to_unimodal + prior * to_prior)).sum(0))

    def coefficients(self, modalities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the likelihoods, of each KL(q ‖ q_m) and of KL(q ‖ p), for rows with ``modalities`` ``[B]`` of them."""
        count, pi = modalities.clamp(min=1), 1 / (modalities + 1)
        if self.config.coefficients == "paper":
            likelihood, unimodal, prior = torch.ones_like(pi), pi, pi
        else:
            a = modalities * pi if self.config.tc_ratio is None else torch.full_like(pi, self.config.tc_ratio)
            likelihood, unimodal, prior = 1 - a / count, a / count, 1 - a
        return likelihood * pi / 2 if self.config.rescale else likelihood, unimodal, prior

    def unimodal(self, experts: Gaussian, available: Bool[Tensor, "B M"]) -> Reference:
        """q_m of every modality, ``[M, B, D]``: the aggregator's posterior given it alone, by its moments where it is a
        Gaussian.
        """
        alone = self.aggregate.infer(experts, singletons(available))
        return Gaussian(alone.mean, alone.variance.log()) if isinstance(alone.components, Gaussian) else alone
