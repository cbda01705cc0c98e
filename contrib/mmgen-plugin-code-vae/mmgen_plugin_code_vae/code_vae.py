"""CoDE-VAE: evidence lower bounds of all subsets, each with the consensus of its experts, and learned weights."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Mixture, kl_divergence


class CoDEVAEConfig(ObjectiveConfig):
    """Options of :class:`CoDEVAE`."""

    only_with = {"entropy": {"weights": ("learned",)}}

    weights: Literal["learned", "equal"] = Field(
        "learned", description="The weights π of the subsets: learned with all else, or equal."
    )
    entropy: float = Field(
        1.0,
        ge=0,
        description="λ, the weight of the entropy of π; 1000 in the released code, whose log-likelihoods are of "
        "images. With 0 it is a lower bound of log p(X).",
    )


class CoDEVAE(Objective):
    r"""CoDE-VAE: the evidence lower bounds of all 2^M − 1 subsets S of modalities, whose weights π are learned.

    .. math::
        \sum_S \pi_S \Big\{ \mathbb E_{q_S} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_S \| p) \Big\}
        + \lambda\, \mathbb H(\pi)

    q_S is the consensus of dependent experts of the aggregator ``code``. All modalities are decoded from every subset
    (2^M − 1 decodings), since a weight has a gradient only through what it multiplies. π is a softmax of one number per
    subset, equal at first; without the entropy it would go to the best subset alone.

    Posterior after training: q_S of what is given, one Gaussian.

    Missing modalities: a row has the subsets of what it has, with their weights divided by their sum, and the entropy
    of these.

    Source: Mancisidor et al. 2025, "Aggregation of dependent expert distributions in multimodal variational
    autoencoders" (ICML, https://arxiv.org/abs/2505.01134), section 3, with the released code
    (https://github.com/rogelioamancisidor/codevae). Deviations: λ is 1 by default. Latents that a modality has for
    itself, of which that code has some on PolyMNIST, are those of ``model.private_dim``. The products of experts that
    it offers in the place of the consensus are the aggregator ``mopoe`` with ``aggregator.prior_expert=none``.
    """

    Config = CoDEVAEConfig
    family = "mixtures-of-experts"
    aggregator, prior = "code", "normal"
    aggregators, priors = ("code", "mopoe"), ("normal", "scaled-normal", "laplace", "vamp", "flow")
    component_defaults = {"aggregator": {"prior_expert": "none"}}
    supports_missing = True

    def build(self, model: Model) -> None:
        """The logits of π ``[S]``, if they are learned.

        Raises:
            MmgenError: More subsets than are listed.
        """
        modalities = len(model.modalities)
        if modalities > 10:
            raise MmgenError(
                f"code-vae decodes every modality from every subset, of at most 10 modalities, and there are "
                f"{modalities}; mopoe draws subsets of more."
            )
        learned = self.config.weights == "learned"
        self.logits = nn.Parameter(torch.zeros(2**modalities - 1)) if learned else None

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence ``[B]``, and ``entropy`` ``[B]`` of learned weights."""
        experts = model.experts(batch)
        posterior = self.aggregate(experts, batch.available)  # [S, B, D]
        log_weights = self.log_weights(posterior)
        z, weights = posterior.rsample_each(), log_weights.exp()
        divergence = kl_divergence(posterior.components, self.prior_for(model, experts, batch.available), z)
        log_likelihood = (weights * model.log_likelihood(z, batch)).sum(1)
        others = {}
        if self.logits is not None:
            surprise = -log_weights.masked_fill(log_weights == -torch.inf, 0.0)
            others["entropy"] = self.config.entropy * (weights * surprise).sum(0)
        return Terms(log_likelihood, (weights * divergence).sum(0), others)

    def log_weights(self, posterior: Mixture) -> Float[Tensor, "S B"]:
        """log π of the subsets that each row has."""
        if self.logits is None:
            return posterior.log_weights
        return (self.logits[:, None] + posterior.log_weights).log_softmax(0)
