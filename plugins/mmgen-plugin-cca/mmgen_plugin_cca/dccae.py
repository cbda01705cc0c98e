"""DCCAE: DCCA whose features reconstruct their views."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Model

from .dcca import DCCA, DCCAConfig
from .squared_error import Reconstruction, reconstruction_error


class DCCAEConfig(DCCAConfig):
    """Options of :class:`DCCAE`."""

    reconstruction_weight: float = Field(1e-3, ge=0, description="λ of the reconstruction errors of both views.")
    reconstruction: Reconstruction = Field(
        "squared-error",
        description="What an error is: the squared one of the paper, or the negative log-likelihood of the modality.",
    )


class DCCAE(DCCA):
    r"""DCCAE: the canonical correlation of DCCA, less the errors with which features reconstruct their own views.

    .. math::
        \max_{f, g, p, q} \sum_{i=1}^{D} \sigma_i\big(\Sigma_{ff}^{-1/2} \Sigma_{fg} \Sigma_{gg}^{-1/2}\big)
        - \frac{\lambda}{B} \sum_b \Big( \|x_{o,b} - p(f(x_{o,b}))\|^2 + \|x_{M,b} - q(g(x_{M,b}))\|^2 \Big)

    The decoders p and q reconstruct each view from that view's features. Errors are summed over the values of a view in
    the units that networks see. p and q are the modalities' decoders, ended by the mean of their likelihood (a sigmoid
    for Bernoulli ones), so that a reconstruction lies where data do. Integer codes have no squared error and keep their
    log-probability; ``reconstruction=likelihood`` does so for all. Decoders see features before the linear CCA, and
    likelihood weights apply.

    z as in DCCA. No view is decoded from the other's features in training, so p and q are a means of regularisation,
    and it generates nothing.

    Source: Wang et al. 2015, "On deep multi-view representation learning" (https://arxiv.org/abs/1602.01024). λ was
    chosen on validation data there; the default is our choice. Deviations: those of DCCA.
    """

    Config = DCCAEConfig
    family = "two-views"

    def build(self, model: Model) -> None:
        """f, g, p and q."""
        super().build(model)
        self.decoders, self.likelihoods = nn.ModuleList(), nn.ModuleList()
        for modality, network in zip(model.modalities.values(), self.networks, strict=True):
            decoder = modality.decoder(model.config.latent_dim)
            modality.tie(network.trunk, decoder)  # type: ignore[arg-type]
            self.decoders.append(decoder)
            self.likelihoods.append(reconstruction_error(modality.make_likelihood(), self.config.reconstruction))

    def reconstructed(self, model: Model, batch: Batch, outputs: list[Tensor]) -> Float[Tensor, "M B"]:
        """−λ times the error of each view."""
        views = zip(model.likelihood_weights, self.likelihoods, self.decoders, outputs, batch.data, strict=True)
        values = [
            weight * likelihood.log_prob(decoder(z), batch.data[name], batch.observed.get(name))  # type: ignore[operator]
            for weight, likelihood, decoder, z, name in views
        ]
        return self.config.reconstruction_weight * torch.stack(values)
