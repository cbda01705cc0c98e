"""The split autoencoder: one view reconstructs both."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mmgen import Batch, Modality, Model, Terms
from mmgen.distributions import Likelihood

from .squared_error import Reconstruction, reconstruction_error
from .two_view import FeatureNetwork, Features, TwoViewConfig


class SplitAutoencoderConfig(TwoViewConfig):
    """Options of :class:`SplitAutoencoder`."""

    reconstruction: Reconstruction = Field(
        "squared-error",
        description="What an error is: the squared one of the paper, or the negative log-likelihood of the modality.",
    )


class SplitAutoencoder(Features):
    r"""The split autoencoder: a network f of the available view, from whose features both views are decoded.

    .. math:: \min_{f, p, q} \frac1B \sum_b \Big( \|x_{o,b} - p(f(x_{o,b}))\|^2 + \|x_{M,b} - q(f(x_{o,b}))\|^2 \Big)

    VCCA without variance and KL. z is the point f(x_o); both views are generated from it, p(z) and q(z). There is no
    prior to generate from. β has nothing to multiply.

    Errors are summed over the values of a view in the units that networks see. p and q are the modalities' decoders,
    ended by the mean of their likelihood (a sigmoid for Bernoulli ones). Integer codes have no squared error and keep
    their log-probability; ``reconstruction=likelihood`` does so for all. Likelihood weights apply.

    Source: Ngiam et al. 2011, as a baseline in Wang et al. 2015 (https://arxiv.org/abs/1602.01024; called MVAE there,
    or split autoencoder; "RBM-MDL" in "Discriminative multimodal learning via conditional priors in generative models",
    Table 2). No restricted Boltzmann machines are involved.
    """

    Config = SplitAutoencoderConfig
    family = "two-views"

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """Both views, from z."""
        return dict.fromkeys(modalities, latent_dim)

    def build(self, model: Model) -> None:
        """f, and errors in the place of the likelihoods."""
        place, _ = self.views(model.modalities)
        modality = list(model.modalities.values())[place]
        self.network = FeatureNetwork(modality, model.config.latent_dim)
        modality.tie(self.network.trunk, model.decoders[place])
        for m, likelihood in enumerate(model.likelihoods):
            assert isinstance(likelihood, Likelihood)
            model.likelihoods[m] = reconstruction_error(likelihood, self.config.reconstruction)

    def features(self, model: Model, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """f(x_o)."""
        return self.network(batch.input(list(batch.data)[view]))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Minus the error of each view ``[2, B]``."""
        log_likelihood = model.log_likelihood(self.features(model, batch, self.views(model.modalities)[0]), batch)
        return Terms(log_likelihood, torch.zeros_like(log_likelihood[0]))
