"""Several yes/no answers at once."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveInt
from torch import Tensor

from ...distributions.likelihoods import Support
from ..likelihood_choice import LikelihoodChoice
from ..rendering import Rendering
from .fully_connected import LIKELIHOOD, Cellwise


class TagsModality(Cellwise):
    """Several yes/no answers at once: a vector of 0 and 1.

    >>> import numpy as np
    >>> from mmgen import TagsModality
    >>> TagsModality(shape=(3,), columns=("sky", "sea", "dog")).named(np.array([1, 0, 1]))
    ['sky', 'dog']
    """

    only_with = {**Cellwise.only_with, "display": {"top": (None,)}}

    supports: ClassVar[tuple[Support, ...]] = ("binary",)
    likelihood: LikelihoodChoice = Field("bernoulli", description=LIKELIHOOD, validate_default=True)
    top: PositiveInt | None = Field(
        None,
        description="How many answers are named, the most probable first, where a value is drawn; none: bars or a "
        "raster.",
    )

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Share of the answers that differ, after rounding."""
        return ((x.float() > 0.5) != (y.float() > 0.5)).flatten(1).float().mean(-1)

    def named(self, value: np.ndarray, count: int | None = None) -> list[str]:
        """Names of the answers of one value ``[*shape]`` that are possible at all, the most probable first.

        ``count`` of them at most, all by default.
        """
        answers, names = value.reshape(-1), self.value_names("tag")
        order = np.argsort(-answers.astype(np.float64), kind="stable")
        return [names[i] for i in order[:count] if answers[i] > 0]

    def render(self, value: np.ndarray) -> Rendering:
        """The names of the ``top`` most probable answers; without ``top`` a raster or bars."""
        return super().render(value) if self.top is None else Rendering("text", ", ".join(self.named(value, self.top)))
