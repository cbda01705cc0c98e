"""VCCA-private: VCCA with latents that only one view has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Modality, Model, Terms
from mmgen.distributions import Gaussian, kl_divergence, kl_gaussians, standard_normal
from mmgen.models import DecoderInput

from .vcca import VCCA, VCCAConfig

PUBLISHED = 30  # private dimensions of both views of noisy MNIST


class VCCAPrivateConfig(VCCAConfig):
    """Options of :class:`VCCAPrivate`."""

    private_dims: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {},
        description="Dimensions of a view's private latents, as a mapping from modality to number (0: none); "
        f"{PUBLISHED} for those not named.",
    )


class VCCAPrivate(VCCA):
    r"""VCCA-private: besides z, which the views share, each view m has private latents h_m, inferred from that view.

    .. math::
        \mathbb E_{q(z|x_o) q(h_o|x_o) q(h_M|x_M)} \big[ \log p(x_o|z, h_o) + \log p(x_M|z, h_M) \big]
        - \beta \big[ \mathrm{KL}(q(z|x_o) \| p) + \mathrm{KL}(q(h_o|x_o) \| p) + \mathrm{KL}(q(h_M|x_M) \| p) \big]

    All KLs are posterior ‖ prior, and β multiplies all; the prior of h_m is N(0, I). A decoder takes z and h_m side by
    side. q(h_m|x_m) has a trunk and a Gaussian head of its own.

    Posterior of z as in VCCA; h has no part in it, nor in what is classified. A view is generated with h_m ~ q(h_m|x_m)
    in rows in which it is given, with h_m ~ N(0, I) in the others: x_M from x_o has a private part at random.

    Source: Wang et al. 2017, "Deep variational canonical correlation analysis" (https://arxiv.org/abs/1610.03454).
    Deviations: those of VCCA.
    """

    Config = VCCAPrivateConfig
    family = "two-views"
    bound = None  # it is one too, of a model with private latents

    def private_sizes(self, modalities: Mapping[str, Modality]) -> dict[str, int]:
        """Private dimensions of each view."""
        chosen: dict[str, int] = self.config.private_dims
        for name in chosen:
            if name not in modalities:
                raise MmgenError(
                    f"objective.private_dims: there is no modality {name!r}; there are {' and '.join(modalities)}."
                )
        return {name: chosen.get(name, PUBLISHED) for name in modalities}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """Both views, each from z and its private latents."""
        return {name: latent_dim + size for name, size in self.private_sizes(modalities).items()}

    def build(self, model: Model) -> None:
        """The encoders of z and of private latents."""
        super().build(model)
        sizes = self.private_sizes(model.modalities)
        self.private = nn.ModuleList(
            modality.encoder(sizes[name], model.told) if sizes[name] else nn.Identity()
            for name, modality in model.modalities.items()
        )

    def inferred_private(self, batch: Batch, name: str) -> Gaussian:
        """q(h_m | x_m) of a prepared batch, ``[B, H_m]``."""
        return Gaussian(*self.private[list(batch.data).index(name)](batch.input(name), batch.told))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[2, B]`` and divergence ``[B]``."""
        q = self.inferred(model, batch)
        prior, sample = self.prior_for(model, q[None], batch.available), q.rsample()
        z, divergence = self.dropout(sample), kl_divergence(q, prior, sample)
        inputs = []
        for name, size in self.private_sizes(model.modalities).items():
            if size:
                private = self.inferred_private(batch, name)
                divergence = divergence + kl_gaussians(private, standard_normal(private))
                inputs.append(torch.cat([z, self.dropout(private.rsample())], -1))
            else:
                inputs.append(z)
        return Terms(model.log_likelihood(inputs, batch, per_modality=True), divergence)

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> DecoderInput:
        """z with private latents of the target: from its posterior where it is given, from N(0, I) elsewhere."""
        size = self.private_sizes(model.modalities)[target]
        prior = q = standard_normal(z.new_zeros(*z.shape[:-1], size))
        if size and batch is not None and given is not None:
            posterior = self.inferred_private(batch, target).where(given[..., list(model.modalities).index(target)])
            q = posterior.map(lambda value: value.expand(prior.mean.shape))
        h = q.rsample()
        return DecoderInput(torch.cat([z, h], -1), prior.log_prob(h) - q.log_prob(h))
