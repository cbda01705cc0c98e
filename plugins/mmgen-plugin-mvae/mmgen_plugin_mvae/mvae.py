"""MVAE: a product of experts, trained on the evidence lower bounds of subsets."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor

from mmgen import Batch, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import kl_divergence, powerset, sampled_subsets, singletons, uniform_noise


class MVAEConfig(ObjectiveConfig):
    """Options of :class:`MVAE`."""

    only_with = {"max_subsets": {"subsets": ("all",)}}

    subsets: int | Literal["all"] = Field(
        1,
        description="How many random subsets of 2 to M − 1 modalities are drawn for each row and step beside the "
        "full set and the single modalities: 1 in the paper, 0 in later comparisons (MoPoE-VAE and after). 'all': "
        "every subset, without drawing.",
    )
    unimodal_weights: Literal["same", "one"] = Field(
        "same",
        description="Weights of the log-likelihoods in the ELBOs of single modalities: w_m as in the others, or 1 as "
        "in the re-implementation in the code of MoPoE-VAE.",
    )
    max_subsets: int = Field(
        1023,
        ge=1,
        description="With 'all', subsets are listed up to this many; above it, this many are drawn and their sum is "
        "scaled, without bias.",
    )

    @field_validator("subsets")
    @classmethod
    def _not_negative(cls, subsets: int | str) -> int | str:
        if isinstance(subsets, int) and subsets < 0:
            raise ValueError("must be 0 or more, or 'all'")
        return subsets


class MVAE(Objective):
    r"""MVAE: the sum of the evidence lower bounds of the full set, of every single modality and of random subsets.

    .. math::
        \mathrm{ELBO}(X) + \sum_m \mathrm{ELBO}(x_m) + \sum_{j=1}^k \mathrm{ELBO}(X_{S_j}), \qquad
        \mathrm{ELBO}(X_S) = \mathbb E_{q(z|x_S)} \sum_{m \in S} \log p(x_m|z) - \beta\, \mathrm{KL}(q(z|x_S) \| p)

    with :math:`q(z|x_S) \propto p(z) \prod_{m \in S} q(z|x_m)`: the prior is an expert of every subset, in training and
    afterwards. A subset reconstructs its own members only. The bounds are summed, not averaged. :math:`S_j` has a size
    drawn uniformly from 2 … M − 1, and is then uniform over the subsets of that size; k = ``subsets``, and there is
    none with two modalities. ``subsets=all`` is :math:`\sum_{S \ne \emptyset} \mathrm{ELBO}(X_S)`.

    Missing modalities: a row that has A gets the same sum over A: ELBO(A), the single ones in A, and k random subsets
    of 2 to |A| − 1 of A. Subsets are counted once: a row with one modality gets its ELBO once. So a row is trained as
    in a model of what it has, exactly for the full set, the single ones and 'all' (if listed), and with subsets of the
    same law otherwise.

    Source: Wu & Goodman 2018 (https://arxiv.org/abs/1802.05335), section 2: Eq. 2 (ELBO), Eq. 4 (product), Eq. 5 (sum);
    all subsets as in "Scalable multimodal VAEs with surrogate joint posterior". Deviations: subsets are drawn
    independently and per row instead of per batch, which has the same mean and less variance; β is not annealed unless
    training says so.
    """

    Config = MVAEConfig
    family = "products-of-experts"
    aggregator, prior = "poe", "normal"
    aggregators, priors = "single", ("normal", "scaled-normal", "laplace", "vamp", "flow")
    supports_missing = True

    def build(self, model: Model) -> None:
        """What the log-likelihoods in the ELBOs of single modalities are multiplied with; a modality of weight 0 stays
        out.
        """
        factors = [1 / w if self.config.unimodal_weights == "one" and w else 1.0 for w in model.likelihood_weights]
        self.register_buffer("unimodal_factors", torch.tensor(factors)[:, None], persistent=False)

    unimodal_factors: Tensor

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``, each summed over the subsets."""
        experts = model.experts(batch)  # [M, B, D]
        several, factor = self.subsets_of(batch.available)  # [S, B, M], [B]
        count = len(several)
        given = torch.cat([several, singletons(batch.available)])  # [S + M, B, M]
        posterior = self.aggregate(experts, given).components[:, 0]  # [S + M, B, D]
        z = posterior.rsample()
        own = torch.cat(
            [z[:count].expand(len(experts.mean), *z[:count].shape), z[count:, None]], 1
        )  # [M, S + 1, B, D]: from each of several, and alone
        log_likelihood = model.log_likelihood(own, batch, per_modality=True)  # [M, S + 1, B]
        together = log_likelihood[:, :-1].where(several.movedim(-1, 0), 0.0).sum(1) * factor
        alone = log_likelihood[:, -1] * self.unimodal_factors
        divergence = kl_divergence(posterior, self.prior_for(model, experts, batch.available), z).where(
            given.any(-1), 0.0
        )
        return Terms(together + alone, divergence[:count].sum(0) * factor + divergence[count:].sum(0))

    def subsets_of(self, available: Bool[Tensor, "B M"]) -> tuple[Bool[Tensor, "S B M"], Float[Tensor, " B"]]:
        """The subsets of two or more of each row, empty where it has none, and the factor of the sum of their ELBOs."""
        modalities = available.shape[1]
        factor = torch.ones(len(available), device=available.device)
        if self.config.subsets != "all":
            several = torch.cat([available[None], self._drawn(available)])
        elif 2**modalities - 1 <= self.config.max_subsets:
            listed = powerset(modalities, available.device)[modalities:, None]  # the single ones come first
            several = listed & (listed <= available).all(-1, keepdim=True)
        else:
            several = sampled_subsets(available, self.config.max_subsets)
            factor = (torch.exp2(available.sum(-1)) - 1) / self.config.max_subsets
        return several & (several.sum(-1, keepdim=True) > 1), factor

    def _drawn(self, available: Bool[Tensor, "B M"]) -> Bool[Tensor, "k B M"]:
        """A size that is uniform on 2 … |A| − 1, then so many of A: those with the smallest numbers. Rows with two or
        fewer get empty subsets.
        """
        rows, modalities = available.shape
        count = self.config.subsets if modalities > 2 else 0
        have, like = available.sum(-1), torch.zeros((), dtype=torch.float64, device=available.device)
        size = 2 + (uniform_noise((count, rows), like) * (have - 2).clamp(min=1)).long()
        number = uniform_noise((count, modalities, rows), like).movedim(1, -1).masked_fill(~available, 2.0)
        largest = number.sort(-1).values.gather(-1, size[..., None] - 1)
        return (number <= largest) & available & (have > 2)[:, None]
