"""SMVGON: SMVAE whose surrogate joint posterior is a variational gradient origin in the place of a network."""

from __future__ import annotations

from mmgen import Batch, Model
from mmgen.distributions import Gaussian

from .origin import GradientOrigin, OriginConfig
from .smvae import SMVAE, SMVAEConfig


class SMVGONConfig(SMVAEConfig, OriginConfig):
    """Options of :class:`SMVGON`."""


class SMVGON(SMVAE):
    r"""SMVGON: SMVAE with the posterior q_{λ,ẑ0}(z|X) of a gradient origin (:class:`.GradientOrigin`) as surrogate.

    .. math::
        \mathbb E_{q_{\lambda,\hat z_0}} \sum_m \log p(x_m|z) - \mathrm{KL}(q_{\lambda,\hat z_0} \| p)
        - \frac{\beta}{2^M} \sum_S \mathrm{KL}(q_{\phi_S}(z|x_S) \| q_{\lambda,\hat z_0}(z|X))

    The KLs of subsets are reverse, subset ‖ surrogate. The surrogate has no network but two linear maps of D numbers to
    D: ẑ0 is the gradient of the evidence lower bound at the origin of latent space. Everything learns from this
    equation, through the gradient too (double back-propagation); a step has two passes through the decoders. The inner
    and the outer sample have noise of their own, so this is a lower bound of log p(X) for every β ≥ 0, as SMVAE.

    β, the subsets, the prior expert, two stages, and the posterior afterwards (the product q_φS for every subset, also
    for all modalities) are those of :class:`.smvae.SMVAE`; inference needs no gradients.

    The surrogate is the posterior of complete X, and the paper has no other, so rows that lack modalities cannot be
    trained on.

    Source: "Scalable multimodal VAEs with surrogate joint posterior", Eq. 12. Deviations: see
    :class:`.origin.GradientOrigin`.
    """

    Config = SMVGONConfig
    family = "joint-encoders"

    def build(self, model: Model) -> None:
        """The two linear maps λ."""
        self.origin = GradientOrigin(model.config.latent_dim, self.config.inner_scale)

    def surrogate(self, model: Model, batch: Batch) -> Gaussian:
        """q_{λ,ẑ0}(z|X), ``[B, D]``; the inner noise is off in evaluation."""
        return self.origin(model, batch, self.prior_for, noise=self.training)
