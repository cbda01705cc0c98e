"""The plain VAE with a joint encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Bool
from torch import Tensor

from mmgen import Batch, Modality, MultimodalVAE, Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_gaussians, standard_normal
from mmgen.models import JointEncoder

from .rows import replaced


class Joint(Objective):
    r"""The plain VAE with a joint encoder: the evidence lower bound of q_Λ(z|X), and nothing else.

    .. math:: \mathbb E_{q_\Lambda(z|X)} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q_\Lambda(z|X) \| p)

    It reconstructs, and generates from the prior. It has no unimodal encoders, so it infers from all modalities only,
    and refuses to generate from some of them. A row of which anything is missing has the posterior N(0, I): nothing was
    inferred. The aggregator has nothing to aggregate.

    The joint encoder needs all modalities, so rows that lack some cannot be trained on.

    Source: Kingma & Welling 2014, Eq. 3; the multimodal VAE alone of "Scalable multimodal VAEs with surrogate joint
    posterior", and Suzuki et al. 2017 without unimodal encoders. How the modalities meet in the joint encoder is our
    choice (:class:`mmgen.models.JointEncoder`).
    """

    aggregator, prior = "moe", "normal"
    aggregators, priors = ("moe",), ("normal",)
    bound = "joint"

    def encodes(self, modalities: Mapping[str, Modality]) -> tuple[str, ...]:
        """None: there are no unimodal encoders."""
        return ()

    def build(self, model: MultimodalVAE) -> None:
        """The joint encoder q_Λ; what decoders would share with the encoder of their modality, they share with it."""
        self.joint = JointEncoder(model.modalities, model.config.latent_dim)
        self.joint.tie(model.modalities, model.decoders)

    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` and divergence ``[B]``."""
        q = self.joint(batch)  # [B, D]
        return Terms(model.log_likelihood(q.rsample(), batch), kl_gaussians(q, standard_normal(q)))

    def infers(self, model: MultimodalVAE, given: Sequence[str]) -> bool:
        """From everything; and the prior needs nothing."""
        return len(given) in (0, len(model.modalities))

    def posterior(
        self, model: MultimodalVAE, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]
    ) -> Mixture:
        """q_Λ where everything is given, N(0, I) elsewhere: ``[..., 1, B, D]``."""
        q = self.joint(model.prepare(batch))
        return replaced(Mixture.of(q), ~given.all(-1), standard_normal(q))
