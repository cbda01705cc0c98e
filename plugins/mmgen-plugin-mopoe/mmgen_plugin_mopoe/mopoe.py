"""MoPoE-VAE: the posterior is a mixture of the products of experts of all subsets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.models import elbo_terms


class MoPoEConfig(ObjectiveConfig):
    """Options of :class:`MoPoE`."""

    mixture_sampling: Literal["stratified", "all"] = Field(
        "stratified",
        description="'stratified', the estimator of the released code: the subsets share the rows of a batch, each "
        "row is decoded once, from one subset; 'all': each row is decoded from every subset, weighted (2^M − 1 "
        "decodings: less noise, for few modalities).",
    )


class MoPoE(Objective):
    r"""MoPoE-VAE: the evidence lower bound of the mixture of the products of experts of all K = 2^M − 1 subsets S.

    .. math::
        \frac1K \sum_S \Big\{ \mathbb E_{q_S} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_S \| p) \Big\}, \qquad
        q_S(z|x_S) \propto [p(z)] \prod_{m \in S} q_m(z|x_m)

    All M modalities are reconstructed from every subset. The KL is posterior ‖ prior, in closed form, and for every row
    that of all K components, whatever is sampled; their mean bounds the KL of the mixture from above (convexity), so
    this is a lower bound of log p(X).

    Posterior: in training the mixture, afterwards q_S itself, one Gaussian, for the given subset S.

    Prior expert (``aggregator.prior_expert``): ``full``, the default, has N(0, I) as an expert in the product of all M
    modalities only, and so a single modality keeps q_m as it is, as in the released code; ``all`` is the formula with
    p(z) in every product, as later papers write it; ``none`` has it nowhere.

    Subsets (``aggregator.max_subsets``): up to so many are listed; above, so many are drawn uniformly for every row and
    step, which leaves every expectation as it is. With one decoding per row the cost of many subsets is that of
    Gaussians in latent space.

    Aggregators: ``poe`` is the mixture restricted to the full subset, the PoE-VAE; ``moe`` to the single modalities,
    MMVAE's ELBO.

    Missing modalities: a row has the subsets of what it has, and trains exactly (with drawn subsets, in expectation) as
    if the others did not exist. Only ``full`` speaks of the model's M modalities: a row that lacks some has no full
    subset, and N(0, I) is an expert in none of its products.

    Source: Sutter et al. 2021 (https://arxiv.org/abs/2105.02470), Eq. 5. Deviations: the paper counts 2^M subsets with
    the empty one, the released code and this one leave it out. The released code cuts a batch of B rows into K blocks
    of ⌊B/K⌋ and gives what remains to the last one, the full subset: 16 of 256 rows instead of 8 with five modalities,
    and every row where K > B. Here blocks have ⌊B/K⌋ or ⌈B/K⌉ rows and begin at a random row, so that each row has each
    subset with probability 1/K, for any K and B.
    """

    Config = MoPoEConfig
    family = "mixtures-of-experts"
    of_mixtures = ("mixture_sampling",)
    aggregator, prior = "mopoe", "normal"
    aggregators = ("mopoe", "poe", "moe")
    component_defaults = {"aggregator": {"prior_expert": "full"}}
    bound = "joint"
    supports_missing = True

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        return elbo_terms(self, model, batch, stratified=self.config.mixture_sampling == "stratified")
