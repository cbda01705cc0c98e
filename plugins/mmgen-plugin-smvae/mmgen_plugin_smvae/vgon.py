"""VGON: the variational gradient origin alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from mmgen import Batch, Modality, MultimodalVAE, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_gaussians, standard_normal

from .origin import GradientOrigin, OriginConfig


class VGON(Objective):
    r"""VGON: the evidence lower bound of the posterior of a gradient origin (:class:`.origin.GradientOrigin`), and
    nothing else.

    .. math:: \mathbb E_{q_{\lambda,\hat z_0}(z|X)} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_{\lambda,\hat z_0}(z|X)
    \| p)

    Decoders and two linear maps are all that it has. β (``model.beta``), 1 in the papers,
    multiplies the outer KL alone. The inner and the outer sample have noise of their own, so this is a lower bound of
    log p(X).

    Posterior: q_{λ,ẑ0} where everything is given, after training without noise within. It infers from all modalities
    only, and refuses to generate from some of them; a row of which anything is missing has the posterior N(0, I):
    nothing was inferred. The aggregator has nothing to aggregate.

    The gradients of the modalities that are there would define a posterior of part of a row; the papers have none, so
    rows that lack some cannot be trained on.

    Source: Bond-Taylor and Willcocks 2021 (gradient origin networks, the variational one); "Scalable multimodal VAEs
    with surrogate joint posterior", Eqs. 8 and 9, Tables 5 and 6. Deviations: see :class:`.origin.GradientOrigin`; and
    a text decoder that would share words with its encoder has its own.
    """

    Config = OriginConfig
    aggregator, prior = "moe", "normal"
    aggregators, priors = ("moe",), ("normal",)
    bound = "joint"

    def encodes(self, modalities: Mapping[str, Modality]) -> tuple[str, ...]:
        """None: there are no unimodal encoders."""
        return ()

    def build(self, model: MultimodalVAE) -> None:
        """The two linear maps λ."""
        self.origin = GradientOrigin(model.config.latent_dim, self.config.inner_scale)

    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        q = self.origin(model, batch, noise=self.training)  # [B, D]
        return Terms(model.log_likelihood(q.rsample(), batch), kl_gaussians(q, standard_normal(q)))

    def infers(self, model: MultimodalVAE, given: Sequence[str]) -> bool:
        """From everything; and the prior needs nothing."""
        return len(given) in (0, len(model.modalities))

    def posterior(
        self, model: MultimodalVAE, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]
    ) -> Mixture:
        """q_{λ,ẑ0} where everything is given, N(0, I) elsewhere: ``[..., 1, B, D]``."""
        q = self.origin(model, model.prepare(batch), noise=False)
        partial = ~given.all(-1, keepdim=True)  # [..., B, 1]
        return Mixture.of(q.map(lambda value: torch.where(partial, 0.0, value)))
