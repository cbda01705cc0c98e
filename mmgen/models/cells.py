"""What encoders see where cells of a modality are empty."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..data import Modality


class Filling(nn.Module):
    """The usual value of every cell, in model units, in the place of those that are not observed.

    It is what :meth:`mmgen.Modality.usual` makes of the training rows: their mean, mostly.
    """

    value: Tensor

    def __init__(self, modality: Modality) -> None:
        super().__init__()
        self.modality = modality
        self.register_buffer("value", torch.zeros(modality.shape))

    def fit(self, values: Tensor, observed: Tensor) -> None:
        """Learn it from prepared training values ``[N, *shape]``, of which some cells are observed."""
        self.value.copy_(self.modality.usual(values, observed))

    def forward(self, values: Tensor, observed: Tensor | None) -> Tensor:
        """Values ``[B, *shape]`` where they are observed (None: everywhere), the usual ones elsewhere."""
        return values if observed is None else torch.where(observed, values, self.value.to(values.dtype))

    def input(self, values: Tensor, observed: Tensor | None) -> Tensor | None:
        """What the encoder sees of filled values, where that is more: these and the mask, ``[B, 2, *shape]``."""
        if not getattr(self.modality, "mask_input", False):
            return None
        return torch.stack([values, torch.ones_like(values) if observed is None else observed.to(values.dtype)], 1)
