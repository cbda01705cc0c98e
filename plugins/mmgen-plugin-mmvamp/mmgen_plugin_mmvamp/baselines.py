"""The baselines of "Unity by Diversity": independent VAEs, and the aggregated VAE."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.models import elbo_terms


class Independent(Objective):
    r"""Independent VAEs: one VAE per modality, without any interaction.

    .. math:: \sum_m \big\{ \mathbb E_{q_m} \log p(x_m|z_m) - \beta\, \mathrm{KL}(q_m \| \mathcal N(0, I)) \big\}

    A modality is "generated" from another by decoding the other's latent, which is near chance by construction: the
    floor of every comparison.

    Source: "Unity by Diversity" (https://arxiv.org/abs/2403.05300), section 5, Figure 1a.
    """

    family = "data-dependent-priors"
    aggregator, prior = "none", "normal"
    aggregators, priors = ("none",), ("normal",)
    bound = "own"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch)


class AggregatedConfig(ObjectiveConfig):
    """Options of :class:`Aggregated`."""

    kl_weight: Literal["one", "modalities"] = Field(
        "one",
        description="κ: 1, or how many modalities a row has; the released code sums the same KL once per modality, "
        "so the paper's β axis needs 'modalities'.",
    )


class Aggregated(Objective):
    r"""Aggregated VAE: one shared latent from the mean of the experts.

    .. math:: \mathbb E_{q} \sum_m \log p(x_m|z) - \beta \kappa\, \mathrm{KL}(q \| \mathcal N(0, I)), \quad
        q = \mathcal N\Big(\tfrac1M \sum_m \mu_m,\, \tfrac1M \sum_m \sigma^2_m\Big)

    After training a subset has the mean of its experts, a single modality its own q_m. Products and mixtures of experts
    instead of the mean (``--aggregator``) come without the prior as an expert, as in the released code.

    Source: "Unity by Diversity" (https://arxiv.org/abs/2403.05300), section 5, Figure 1b, Eqs. 15 and 16. Deviation: κ
    = 1; Eq. 16 prints scales, the released image code averages variances and the code for the rats scales
    (``--aggregator barycentre``).
    """

    Config = AggregatedConfig
    family = "products-of-experts"
    aggregator, prior = "mean", "normal"
    aggregators, priors = "shared", ("normal",)
    component_defaults = {"aggregator": {"prior_expert": "none"}}
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        terms = elbo_terms(self, model, batch)
        if self.config.kl_weight == "one":
            return terms
        return Terms(terms.log_likelihood, terms.divergence * batch.available.sum(-1))
