"""DCCA: canonical correlation of what two networks make of two views."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Model, Table, Terms

from .correlation import Projection, find_projections, over_rows, total_correlation
from .two_view import FeatureNetwork, Features, TwoViewConfig


class DCCAConfig(TwoViewConfig):
    """Options of :class:`DCCA`."""

    ridge: float = Field(1e-3, gt=0, description="r: added to the diagonal of the covariance of each view's features.")
    linear_cca: bool = Field(
        True,
        description="Whether z is the linear CCA of the trained features, over all training rows; otherwise the "
        "features themselves.",
    )


class DCCA(Features):
    r"""DCCA: two networks f and g whose features are correlated most.

    .. math::
        \max_{f, g} \sum_{i=1}^{D} \sigma_i\big(\Sigma_{ff}^{-1/2} \Sigma_{fg} \Sigma_{gg}^{-1/2}\big),
        \qquad \Sigma_{ff} = \tfrac{1}{B-1} \bar F^\top \bar F + r I

    with the singular values σ_i, and covariances of a batch: the estimate is the better the more rows there are per
    feature, and the paper takes batches of hundreds for ten features. f and g are the modalities' trunks with a linear
    layer to D features. :func:`.correlation.total_correlation` says how gradients stay finite.

    z is the point W_oᵀ(f(x_o) − mean), with the linear CCA of the features of all training rows, found after the last
    step with the same ridge; f(x_o) with ``linear_cca=false``. Neither the value nor the features that a classifier
    finds depend on a rotation of the features, so W_o is a matter of scale and order.

    It generates nothing. β has nothing to multiply.

    Source: Andrew et al. 2013 (https://proceedings.mlr.press/v28/andrew13.html); Wang et al. 2015 for batches
    (https://arxiv.org/abs/1602.01024). Deviations: no pre-training by restricted Boltzmann machines; the activation is
    the modality's; Adam.
    """

    Config = DCCAConfig
    family = "two-views"
    whole_batch = True

    def build(self, model: Model) -> None:
        """f, g and their projections, which change nothing until they are found."""
        latent_dim = model.config.latent_dim
        self.networks = nn.ModuleList(FeatureNetwork(modality, latent_dim) for modality in model.modalities.values())
        self.projections = nn.ModuleList(Projection(torch.eye(latent_dim)) for _ in self.networks)

    def outputs(self, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """f(x_o) or g(x_M) of a prepared batch."""
        return self.networks[view](batch.input(list(batch.data)[view]))

    def features(self, model: Model, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """The projection of a network's output."""
        return self.projections[view](self.outputs(batch, view))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """``correlation`` ``[B]``, the same for each row, and what is reconstructed ``[2, B]``."""
        one, two = (self.outputs(batch, view) for view in (0, 1))
        total = total_correlation(one, two, self.config.ridge).to(one.dtype)
        log_likelihood = self.reconstructed(model, batch, [one, two])
        return Terms(log_likelihood, torch.zeros_like(log_likelihood[0]), {"correlation": total.expand(len(batch))})

    def reconstructed(self, model: Model, batch: Batch, outputs: list[Tensor]) -> Float[Tensor, "M B"]:
        """How well each view is reconstructed from its own features: 0, since none is."""
        return outputs[0].new_zeros(2, len(batch))

    def solve(self, model: Model, train: Table) -> None:
        """The linear CCA of the features of the training rows."""
        if self.config.linear_cca:
            find_projections(list(self.projections), over_rows(model, train, self.outputs), self.config.ridge)  # type: ignore[arg-type]
