"""CCA: linear canonical correlation analysis with a ridge."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Model, Table, Terms
from mmgen.data import Columns

from .correlation import Projection, find_projections, over_rows, total_correlation
from .two_view import Features, TwoViewConfig


class CCAConfig(TwoViewConfig):
    """Options of :class:`CCA`."""

    ridge: float = Field(1e-3, gt=0, description="r: added to the diagonal of the covariance of each view.")


class CCA(Features):
    r"""CCA: the linear projections of two views that are correlated most, D of each.

    .. math::
        \max_{W_o, W_M} \mathrm{tr}(W_o^\top \Sigma_{oM} W_M)
        \quad\text{with}\quad W_o^\top (\Sigma_{oo} + r I) W_o = W_M^\top (\Sigma_{MM} + r I) W_M = I

    z = (x_o − mean) W_o, a point. Nothing learns by gradient: the training takes no step, and W is found from all
    training rows at once (cca-zoo, in closed form; scikit-learn's CCA iterates, one component at a time, and has no
    ridge). They are kept in memory meanwhile, as 64-bit numbers.

    The views are what networks see: vectors standardised, images in [0, 1], counts as log(1 + x), integer codes
    one-hot. Thanks to the ridge there may be fewer rows than columns, and columns that never vary. ``terms`` are the
    sum of the canonical correlations that the projections of a batch have.

    It generates nothing.

    Source: Hotelling 1936 (https://doi.org/10.1093/biomet/28.3-4.321); with a ridge, Vinod 1976
    (https://doi.org/10.1016/0304-4076(76)90010-5). No paper here says how large the ridge was; the default is our
    choice.
    """

    Config = CCAConfig
    family = "two-views"
    whole_batch = True

    def build(self, model: Model) -> None:
        """Projections of both views; until they are found, the first D columns of each."""
        latent_dim = model.config.latent_dim
        columns = [Columns(modality) for modality in model.modalities.values()]
        for name, each in zip(model.modalities, columns, strict=True):
            if each.count < latent_dim:
                raise MmgenError(
                    f"model.latent_dim is {latent_dim}, and the modality {name!r} has {each.count} columns; CCA has "
                    "no more dimensions than its smaller view."
                )
        self.columns = nn.ModuleList(columns)
        self.projections = nn.ModuleList(Projection(torch.eye(each.count, latent_dim)) for each in columns)

    def values(self, batch: Batch, view: int) -> Float[Tensor, "B _"]:
        """The columns of a view of a prepared batch."""
        return self.columns[view](list(batch.data.values())[view])

    def features(self, model: Model, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """The projection of a view."""
        return self.projections[view](self.values(batch, view))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """``correlation`` ``[B]``, the same for each row."""
        one, two = (self.features(model, batch, view) for view in (0, 1))
        nothing = one.new_zeros(2, len(batch))
        total = total_correlation(one, two, self.config.ridge).to(one.dtype)
        return Terms(nothing, nothing[0], {"correlation": total.expand(len(batch))})

    def solve(self, model: Model, train: Table) -> None:
        """The projections that the training rows have."""
        find_projections(list(self.projections), over_rows(model, train, self.values), self.config.ridge)  # type: ignore[arg-type]
