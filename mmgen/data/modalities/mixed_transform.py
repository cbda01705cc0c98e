"""The transform of columns of different types: each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ...distributions import Likelihood
from ...distributions.likelihoods import Support
from ..transforms import Curve, Relative, Standardise


class MixedTransform(Standardise):
    """Numbers standardised or straightened, positive ones over their geometric mean, ones between 0 and 1 squeezed;
    others stay.

    Args:
        supports: What the values of every column are.
        standardised: Which columns are standardised; of numbers, positive or not, alone.
        squeeze: Of columns of numbers between 0 and 1.
        curves: Transforms of some columns that are no straight lines, each with the positions of its columns.
    """

    def __init__(
        self,
        supports: Sequence[Support],
        standardised: Sequence[bool],
        squeeze: float,
        curves: Sequence[tuple[Curve, Sequence[int]]] = (),
    ) -> None:
        super().__init__((len(supports),))
        for support in ("real", "positive"):
            chosen = [each == support and wanted for each, wanted in zip(supports, standardised, strict=True)]
            self.register_buffer(support, torch.tensor(chosen), persistent=False)
        self.register_buffer("unit", torch.tensor([each == "unit" for each in supports]), persistent=False)
        self.curves, self.places = nn.ModuleList(transform for transform, _ in curves), [list(at) for _, at in curves]
        self.curve = " and ".join(transform.curve for transform, _ in curves)
        learned = cast(Tensor, self.real) | cast(Tensor, self.positive)
        self.learns = bool(learned.any()) or any(transform.learns for transform, _ in curves)  # type: ignore[misc]
        self.mean.copy_(torch.where(cast(Tensor, self.unit), -squeeze / (1 - 2 * squeeze), self.mean))
        self.scale.copy_(torch.where(cast(Tensor, self.unit), 1 / (1 - 2 * squeeze), self.scale))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Means and standard deviations of real numbers, geometric means of positive ones, in float64, and what curves
        learn.
        """
        if not self.learns or len(values) == 0:
            return
        shape = tuple(self.mean.shape)
        every, relative = Standardise(shape).double(), Relative(shape).double()
        every.fit(values, observed)
        relative.fit(values, observed)
        geometric = relative.log_mean.exp()
        real, positive = cast(Tensor, self.real), cast(Tensor, self.positive)
        self.mean.copy_(torch.where(real, every.mean, self.mean.double()))
        self.scale.copy_(torch.where(real, every.scale, torch.where(positive, geometric, self.scale.double())))
        for transform, places in self._curves():
            transform.fit(values[..., places], None if observed is None else observed[..., places])

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """Every column in its own way."""
        prepared = super().forward(values)
        for transform, places in self._curves():
            prepared[..., places] = transform(values[..., places])
        return prepared

    def inverse(self, values: Tensor) -> Tensor:
        """Mean + scale · x, or the way back on a curve; numbers between 0 and 1 stay there."""
        found = super().inverse(values)
        found = torch.where(cast(Tensor, self.unit), found.clamp(0, 1), found)
        for transform, places in self._curves():
            found[..., places] = transform.inverse(values[..., places])
        return found

    def mean_of(self, likelihood: Likelihood, parameters: Tensor) -> Tensor:
        """Of columns on curves the mean of what comes back from there."""
        found = super().mean_of(likelihood, parameters)
        if self.places:
            location, scale = likelihood.mean(parameters), likelihood.normal_scale(parameters)
            for transform, places in self._curves():
                found[..., places] = transform.mean_on_curve(location[..., places], scale[..., places])
        return found

    def _curves(self) -> list[tuple[Curve, list[int]]]:
        return [(cast(Curve, each), places) for each, places in zip(self.curves, self.places, strict=True)]
