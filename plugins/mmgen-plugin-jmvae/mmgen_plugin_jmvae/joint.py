"""The plain VAE with a joint encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Bool
from torch import Tensor

from mmgen import Batch, Modality, Model, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_divergence
from mmgen.models import JointEncoder


class Joint(Objective):
    r"""The plain VAE with a joint encoder: the evidence lower bound of q_Λ(z|X), and nothing else.

    .. math:: \mathbb E_{q_\Lambda(z|X)} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_\Lambda(z|X) \| p)

    It reconstructs, and generates from the prior. It has no unimodal encoders, so it infers from all modalities only,
    and refuses to generate from some of them. A row of which anything is missing has the posterior N(0, I): nothing was
    inferred.

    The joint encoder needs all modalities, so rows that lack some cannot be trained on.

    Source: Kingma & Welling 2014 (https://arxiv.org/abs/1312.6114), Eq. 3; the multimodal VAE alone of "Scalable
    multimodal VAEs with surrogate joint posterior", and Suzuki et al. 2017 (https://arxiv.org/abs/1611.01891) without
    unimodal encoders. How the modalities meet in the joint encoder is our
    choice (:class:`mmgen.models.JointEncoder`).
    """

    family = "joint-encoders"
    aggregator, prior = None, "normal"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    bound = "joint"

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: there are no unimodal encoders."""
        return {}

    def build(self, model: Model) -> None:
        """The joint encoder q_Λ; what decoders would share with the encoder of their modality, they share with it."""
        self.joint = JointEncoder(model)
        self.joint.tie(model.modalities, model.decoders)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        q = self.joint(batch)  # [B, D]
        z, prior = q.rsample(), self.prior_for(model, q[None], batch.available)
        return Terms(model.log_likelihood(z, batch), kl_divergence(q, prior, z))

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From everything; and the prior needs nothing."""
        return len(given) in (0, len(model.modalities))

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q_Λ where everything is given, N(0, I) elsewhere: ``[..., 1, B, D]``."""
        q = self.joint(batch)
        return Mixture.of(q.where(given.all(-1)))
