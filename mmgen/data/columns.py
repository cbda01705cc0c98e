"""Values as columns of numbers, for networks and methods that take several modalities side by side."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..networks import OneHot
from .modalities import CountsModality, MixedModality
from .modality import Modality


class _Log1p(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.log1p(x.clamp(min=0))


class Columns(nn.Module):
    """Prepared values of a modality ``[B, *shape]`` as columns ``[B, count]``.

    They are flattened, integer codes one-hot, counts as log(1 + x); columns of different types each in its own way.
    Prepared values are what the model's transforms
    make: standardised vectors, images in [0, 1].

    Attributes:
        count: How many columns there are.

    >>> import torch
    >>> from mmgen.data import Columns, LabelsModality
    >>> Columns(LabelsModality(shape=(1,), categories=("liver", "lung")))(torch.tensor([[1], [0]]))
    tensor([[0., 1.],
            [1., 0.]])
    """

    def __init__(self, modality: Modality) -> None:
        super().__init__()
        likelihood = modality.make_likelihood()
        self.count = math.prod(modality.shape)
        self.change: Any = _Log1p() if isinstance(modality, CountsModality) else nn.Identity()
        if isinstance(modality, MixedModality):
            self.change = modality.side_by_side()
            self.count = self.change.count
            return
        categories = getattr(likelihood, "categories", None)
        if likelihood.coded and categories is not None:
            self.count *= categories
            self.change = OneHot(categories)

    def forward(self, x: Tensor) -> Float[Tensor, "B _"]:
        """The columns."""
        return self.change(x).flatten(1)
