"""The multi-channel VAE: every modality is decoded from the latent of every one, sparse by variational dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Model, Objective, ObjectiveConfig, Terms
from mmgen.distributions import Gaussian, Mixture, bounded, kl_divergence
from mmgen.models import expected_log_likelihood

K1, K2, K3 = 0.63576, 1.8732, 1.48695  # of the approximation of the divergence
LEAST = 1e-8  # of |μ|, whose square a variance is in proportion to


class MCVAEConfig(ObjectiveConfig):
    """Options of :class:`MCVAE`."""

    only_with = {"threshold": {"sparse": (True,)}}

    sparse: bool = Field(
        False,
        description="Whether q(z_d|x_c) = N(μ_d, α_d μ_d²) with a dropout rate of every dimension that is learned.",
    )
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Of 'sparse': a trained model leaves out dimensions whose dropout rate is above this; 0.2 in the "
        "paper. None leaves out none.",
    )
    combine: Literal["mean", "sum"] = Field(
        "mean",
        description="How the C bounds are put together: their mean, a lower bound of log p(X), or their sum, as in the "
        "released code.",
    )


class MCVAE(Objective):
    r"""Multi-channel VAE: the mean over channels c of the evidence lower bounds in which all channels are decoded from
    the z of one.

    .. math::
        \frac1C \sum_c \Big\{ \mathbb E_{q(z|x_c)} \sum_i \log p(x_i|z) - \beta\, \mathrm{KL}(q(z|x_c) \| p) \Big\}

    It is the ELBO of a mixture of experts with a draw of every expert (C² decodings). ``sparse``:

    .. math::
        q(z_d|x_c) = \mathcal N(\mu_d, \alpha_d \mu_d^2), \qquad p(|z_d|) \propto \tfrac{1}{|z_d|}, \qquad
        \mathrm{KL} \approx \sum_d \Big[ \tfrac12 \log(1 + \alpha_d^{-1}) - k_1 \sigma(k_2 + k_3 \log \alpha_d) + k_1
        \Big]

    with α shared by all channels and rows, so that dimensions that nobody needs have the dropout rate α/(1 + α) → 1,
    for all channels at once (:meth:`dropout_rates`). The encoders' log-variances are not used then. The prior is
    improper: nothing is generated from nothing (a fitted sampler can), and no other prior can be chosen. It is no bound
    that a number could be compared with.

    Posterior after training: q(z|x_c) of one channel, a uniform mixture of several; with ``threshold`` dimensions of a
    larger dropout rate are exactly 0, so that there is no density.

    Missing modalities: C and i run over what a row has, exactly.

    Source: Antelmi et al. 2019, "Sparse multi-channel variational autoencoder for the joint analysis of heterogeneous
    data" (ICML, https://proceedings.mlr.press/v97/antelmi19a.html), section 2; the divergence of Molchanov et al. 2017
    (https://arxiv.org/abs/1701.05369), Eq. 14. Deviations: the released code (https://github.com/ggbioing/mcvae) sums
    over c (``combine=sum``) and decodes the mean of several channels' reconstructions, where a draw of their mixture is
    decoded here; multi-view-AE divides log-likelihoods by C² and sums KLs. log α is kept within ±8, as in both.
    """

    Config = MCVAEConfig
    family = "mixtures-of-experts"
    aggregator, prior = "moe", "normal"
    aggregators, priors = ("moe",), ("normal", "scaled-normal", "laplace", "vamp", "flow")
    bound = "joint"
    supports_missing = True

    def build(self, model: Model) -> None:
        """log α ``[D]``, about 0, if it is sparse.

        Raises:
            MmgenError: Another prior than the improper one of sparse latents.
        """
        self.log_alpha = nn.Parameter(0.01 * torch.randn(model.config.latent_dim)) if self.config.sparse else None
        if self.config.sparse and not self._prior_is_standard(model):
            raise MmgenError("objective.sparse comes with a prior of its own, 1/|z|; leave the prior out.")

    def _prior_is_standard(self, model: Model) -> bool:
        """Whether the prior is N(0, I), the default, in whose place that of sparse latents is."""
        zeros = torch.zeros(len(model.modalities), 1, model.config.latent_dim)
        learns = any(True for _ in self.prior_for.parameters())
        p = None if learns else self.prior_for(model, Gaussian(zeros, zeros), zeros[:, :, 0].T == 0)
        return isinstance(p, Gaussian) and not p.mean.any() and not p.log_variance.any()

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        experts = model.experts(batch)
        posterior = self.aggregate(self.unimodal(experts), batch.available)  # [M, B, D]
        log_likelihood, z = expected_log_likelihood(model, batch, posterior, stratified=False)
        if self.log_alpha is None:
            prior = self.prior_for(model, experts, batch.available)
            divergence = (posterior.weights * kl_divergence(posterior.components, prior, z)).sum(0)
        else:
            divergence = self.dropout_divergence().expand(len(batch))
        if self.config.combine == "sum":
            count = batch.available.sum(-1)
            return Terms(log_likelihood * count, divergence * count)
        return Terms(log_likelihood, divergence)

    def unimodal(self, experts: Gaussian) -> Gaussian:
        """The unimodal posteriors: as heads give them, or of variances in proportion to μ²."""
        if self.log_alpha is None:
            return experts
        log_square = 2 * (experts.mean.abs() + LEAST).log()
        return Gaussian(experts.mean, bounded(self.log_alpha, -8, 8) + log_square)

    def dropout_divergence(self) -> Float[Tensor, ""]:
        """KL(q ‖ p) of sparse latents, the same for every row and channel, up to a constant."""
        log_alpha = bounded(cast(Tensor, self.log_alpha), -8, 8)
        negative = K1 * torch.sigmoid(K2 + K3 * log_alpha) - 0.5 * nn.functional.softplus(-log_alpha) - K1
        return -negative.sum()

    def dropout_rates(self) -> Float[Tensor, " D"]:
        """α/(1 + α) of every dimension of a sparse model.

        Raises:
            MmgenError: The model is not sparse.
        """
        if self.log_alpha is None:
            raise MmgenError("Dropout rates are those of a sparse model (objective.sparse=true).")
        return bounded(self.log_alpha.detach(), -8, 8).sigmoid()

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The uniform mixture of what is given, ``[..., M, B, D]``."""
        q = self.unimodal(experts)
        if self.config.threshold is not None:
            kept = self.dropout_rates() <= self.config.threshold
            q = Gaussian(torch.where(kept, q.mean, 0.0), torch.where(kept, q.log_variance, -torch.inf))
        return self.aggregate(q, given)

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From every subset; from nothing where the prior is a distribution."""
        return bool(given) or not self.config.sparse
