"""VGON: the variational gradient origin alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Bool
from torch import Tensor

from mmgen import Batch, Modality, Model, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_divergence

from .origin import GradientOrigin, OriginConfig


class VGON(Objective):
    r"""VGON: the evidence lower bound of a gradient origin's posterior (:class:`.GradientOrigin`), and nothing else.

    .. math::
        \mathbb E_{q_{\lambda,\hat z_0}(z|X)} \sum_m \log p(x_m|z)
        - \beta\, \mathrm{KL}(q_{\lambda,\hat z_0}(z|X) \| p)

    Decoders and two linear maps are all that it has. β (``model.beta``), 1 in the papers,
    multiplies the outer KL alone. The inner and the outer sample have noise of their own, so this is a lower bound of
    log p(X).

    Posterior: q_{λ,ẑ0} where everything is given, after training without noise within. It infers from all modalities
    only, and refuses to generate from some of them; a row of which anything is missing has the posterior N(0, I):
    nothing was inferred.

    The gradients of the modalities that are there would define a posterior of part of a row; the papers have none, so
    rows that lack some cannot be trained on.

    Source: Bond-Taylor and Willcocks 2021 (https://arxiv.org/abs/2007.02798, the variational one); "Scalable multimodal
    VAEs with surrogate joint posterior", Eqs. 8 and 9, Tables 5 and 6. Deviations: see :class:`.origin.GradientOrigin`;
    and a text decoder that would share words with its encoder has its own.
    """

    Config = OriginConfig
    family = "joint-encoders"
    aggregator, prior = None, "normal"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    bound = "joint"

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: there are no unimodal encoders."""
        return {}

    def build(self, model: Model) -> None:
        """The two linear maps λ."""
        self.origin = GradientOrigin(model.config.latent_dim, self.config.inner_scale)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        q = self.origin(model, batch, self.prior_for, noise=self.training)  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, q[None], batch.available)
        return Terms(model.log_likelihood(z, batch), kl_divergence(q, prior, z))

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From everything; and the prior needs nothing."""
        return len(given) in (0, len(model.modalities))

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q_{λ,ẑ0} where everything is given, N(0, I) elsewhere: ``[..., 1, B, D]``."""
        q = self.origin(model, batch, self.prior_for, noise=False)
        return Mixture.of(q.where(given.all(-1)))
