"""gPoE-MVAE: a generalised product of experts with learned weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.models import elbo_terms


class GPoEConfig(ObjectiveConfig):
    """Options of :class:`GPoE`."""

    likelihoods: Literal["sum", "mean"] = Field(
        "sum",
        description="How log-likelihoods of modalities are put together: their sum as in the paper, a lower bound of "
        "log p(X), or their mean, as in the released code.",
    )


class GPoE(Objective):
    r"""gPoE-MVAE: the evidence lower bound with a generalised product of experts, whose weights are learned.

    .. math::
        \mathbb E_q \sum_m \log p(x_m|z, c) - \beta\, \mathrm{KL}(q \| p), \qquad
        q(z_d|X, c) \propto \prod_m q(z_d|x_m, c)^{\alpha_{md}}, \quad \sum_m \alpha_{md} = 1

    The weights α belong to modalities and dimensions, not to rows; :class:`weighted-poe
    <mmgen.models.weighted_aggregators.WeightedProduct>`, the aggregator, learns them. Encoders and decoders are told
    the covariates c (``dataset.covariates``), so that z need not hold them: for a normative model age, sex and site.

    Posterior, in training and afterwards: q of what is given. A row that lacks modalities has the weights of the others
    divided by their sum, exactly as if those that it lacks did not exist.

    Source: Lawry Aguila et al. 2023, "Multi-modal variational autoencoders for normative modelling across multiple
    imaging modalities" (MICCAI, https://arxiv.org/abs/2303.12706), section 2, with the product of Cao & Fleet 2014
    (https://arxiv.org/abs/1410.7827). Deviations: weights are a softmax; the released code (weighted_mVAE of
    https://github.com/alawryaguila/multi-view-AE) clips free weights to [0, 1], so that they sum to anything, adds 1e-8
    to variances and precisions, and divides log-likelihoods by M (``likelihoods=mean``).
    """

    Config = GPoEConfig
    family = "products-of-experts"
    aggregator, prior = "weighted-poe", "normal"
    aggregators, priors = ("weighted-poe",), ("normal", "scaled-normal", "laplace", "vamp", "flow")
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        terms = elbo_terms(self, model, batch)
        if self.config.likelihoods == "sum":
            return terms
        return Terms(terms.log_likelihood / batch.available.sum(-1).clamp(min=1), terms.divergence)
