"""MVCL: contrastive learning from two views."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Model, Terms
from mmgen.distributions import uniform_noise

from .two_view import FeatureNetwork, Features, TwoViewConfig


class MVCLConfig(TwoViewConfig):
    """Options of :class:`MVCL`."""

    margin: float = Field(
        0.5,
        gt=0,
        le=2,
        description="m: how much farther from a view the other view of another row is to be; distances are at most 2.",
    )


class MVCL(Features):
    r"""MVCL: features of the two views of a row are to be closer than those of different rows, by a margin.

    .. math::
        \min_{f, g} \frac1B \sum_b \max\big(0,\; m + d(f(x_{o,b}), g(x_{M,b})) - d(f(x_{o,b}), g(x_{M,n(b)}))\big),
        \qquad d(u, v) = 1 - \frac{u^\top v}{\|u\| \|v\|}

    n(b) is another row of the batch, each as likely as any other: the next one in a random cyclic order of the rows, so
    that every row is the contrast of one other row. It is drawn anew at each step from torch's generator. A batch of
    one row has no other; its term is the margin.

    f and g are the modalities' trunks with a linear layer to D features. z is the point f(x_o), not normalised. It
    generates nothing. β has nothing to multiply.

    Source: Hermann and Blunsom 2014; with cosine distances Wang et al. 2015 (https://arxiv.org/abs/1602.01024). The
    margin was tuned there; the default is our choice. Deviation: one contrast per row and step.
    """

    Config = MVCLConfig
    family = "two-views"
    whole_batch = True

    def build(self, model: Model) -> None:
        """f and g."""
        self.networks = nn.ModuleList(
            FeatureNetwork(modality, model.config.latent_dim) for modality in model.modalities.values()
        )

    def features(self, model: Model, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """f(x_o) or g(x_M)."""
        return self.networks[view](batch.input(list(batch.data)[view]))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """``negative_margin_loss`` ``[B]``."""
        f, g = (self.features(model, batch, view) for view in self.views(model.modalities))
        farther = F.cosine_similarity(f, g) - F.cosine_similarity(f, g[other_rows(f)])  # d(f, g of n(b)) − d(f, g of b)
        nothing = f.new_zeros(2, len(batch))
        return Terms(nothing, nothing[0], {"negative_margin_loss": -F.relu(self.config.margin - farther)})


def other_rows(like: Float[Tensor, "B _"]) -> Int[Tensor, " B"]:
    """n(b) for every row b: the row that follows it in a random cyclic order of the batch."""
    order = uniform_noise((len(like),), like).argsort(stable=True)
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))
