"""VCCA: a VAE of two views that is encoded from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Model, Terms
from mmgen.distributions import Gaussian, kl_divergence

from .two_view import TwoView, TwoViewConfig


class VCCAConfig(TwoViewConfig):
    """Options of :class:`VCCA`."""

    sample_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the numbers of sampled latents that are left out in training."
    )


class VCCA(TwoView):
    r"""VCCA: both views are generated from z, which is inferred from the available view alone.

    .. math:: \mathbb E_{q(z|x_o)} \big[ \log p(x_o|z) + \log p(x_M|z) \big] - \beta\, \mathrm{KL}(q(z|x_o) \| p)

    The KL is posterior ‖ prior; β (``model.beta``), 1 in the paper but for MIR-Flickr, is its weight. At β = 1
    and without dropout it is a lower bound of log p(x_o, x_M), as loose as x_M says something about z that x_o does
    not.

    Posterior, in training and afterwards: q(z|x_o), an encoder of the available modality's kind; a classifier sees its
    mean. Both views are generated from draws of it, or from the prior.

    Source: Wang et al. 2017, "Deep variational canonical correlation analysis" (https://arxiv.org/abs/1610.03454).
    Dropout on inputs, which they have too, is not there.
    """

    Config = VCCAConfig
    family = "two-views"
    priors = ("normal", "scaled-normal", "laplace", "flow")
    bound: ClassVar[Literal["joint", "own"] | None] = "joint"
    defaults = {"model": {"beta": 1.0}}

    def build(self, model: Model) -> None:
        """The encoder of x_o."""
        place, _ = self.views(model.modalities)
        modality = list(model.modalities.values())[place]
        self.encoder = modality.encoder(model.config.latent_dim, model.told)
        modality.tie(self.encoder.trunk, model.decoders[place])

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From x_o, alone or not; and the prior needs nothing."""
        return not given or super().infers(model, given)

    def inferred(self, model: Model, batch: Batch) -> Gaussian:
        """q(z | x_o), ``[B, D]``."""
        return Gaussian(*self.encoder(batch.input(self.available(model.modalities)), batch.told))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[2, B]`` and divergence ``[B]``."""
        q = self.inferred(model, batch)
        z = q.rsample()
        prior = self.prior_for(model, q[None], batch.available)
        return Terms(model.log_likelihood(self.dropout(z), batch), kl_divergence(q, prior, z))

    def dropout(self, z: Tensor) -> Tensor:
        """Latents ``[B, D]`` with dropout in training."""
        return F.dropout(z, self.config.sample_dropout, self.training)
