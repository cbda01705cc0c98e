"""What kinds made of integer codes share, and labels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from ...distributions import Likelihood
from ...distributions.likelihoods import Support
from ...networks import MLPTrunk, OneHot
from ..likelihood_choice import LikelihoodChoice, make_likelihood
from ..rendering import Rendering
from ..transforms import Codes, Transform
from .fully_connected import LIKELIHOOD, FullyConnected


class _OneHotTrunk(MLPTrunk):
    """A multilayer perceptron of one-hot codes."""

    def __init__(self, shape: tuple[int, ...], categories: int, *options: Any) -> None:
        super().__init__((*shape, categories), *options)
        self.one_hot = OneHot(categories)

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, *shape]`` codes to ``[N, features]``."""
        return super().forward(self.one_hot(x), beside)


class CodesModality(FullyConnected):
    """What kinds made of integer codes share: they are predicted, guessed and compared code by code."""

    supports: ClassVar[tuple[Support, ...]] = ("categories",)

    likelihood: LikelihoodChoice = Field("categorical", description=LIKELIHOOD, validate_default=True)

    def make_transform(self) -> Transform:
        """Codes as int64."""
        return Codes()

    def guess(self, values: Tensor) -> Tensor:
        """The most frequent codes."""
        return values.mode(0).values

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Share of the values that differ."""
        return (x != y).flatten(1).float().mean(-1)


class LabelsModality(CodesModality):
    """One of several categories per value: integer codes. With ``likelihood: ordinal`` they have an order, that of
    their names in ``categories``.

    >>> import numpy as np
    >>> from mmgen import LabelsModality
    >>> LabelsModality(shape=(1,), categories=("liver", "lung")).cells(np.array([1]))
    ['lung']
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "categories")
    supports: ClassVar[tuple[Support, ...]] = ("categories", "ordered")
    only_with = {"display": {}}

    categories: tuple[str, ...] = Field(
        description="Names of the categories, in the order of their codes.", min_length=2
    )

    def trunk(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron of one-hot codes."""
        return _OneHotTrunk(self.shape, len(self.categories), self.hidden, self.activation, self._dropout)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of one-hot codes."""
        return _OneHotTrunk(self.shape, len(self.categories), (256, 128), "relu", 0.3)

    def make_likelihood(self) -> Likelihood:
        """The chosen one, of as many categories."""
        return make_likelihood(self.likelihood, self.shape, categories=len(self.categories))

    def render(self, value: np.ndarray) -> Rendering:
        """The names."""
        return Rendering("text", ", ".join(self.cells(value)))

    def cells(self, value: np.ndarray) -> list[Any]:
        """The names."""
        return [self.categories[int(code)] if code >= 0 else "" for code in value.reshape(-1)]
