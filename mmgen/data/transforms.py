"""From data units to what the networks see, and back.

The statistics are fitted on training rows and saved with the model.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


class Transform(nn.Module):
    """To floating point, otherwise unchanged: for data that are already in a sensible range, and for counts."""

    learns: ClassVar[bool] = False  # whether :meth:`fit` does anything
    precision: Tensor  # nothing but the dtype that the model works in, which follows model.double() and the like

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("precision", torch.zeros(()), persistent=False)

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Learn statistics from the training rows ``[N, *shape]`` that have this modality.

        Where ``observed``, ``Bool[N, *shape]``, is given, from the cells that are; nothing looks at the others.
        """

    def fit_moments(self, mean: Tensor, scale: Tensor) -> bool:
        """Learn the same from the training rows' means and standard deviations ``[*shape]``, where these say
        everything; whether they do. Where they do not, rows that are sparse are made dense.
        """
        return not self.learns

    def forward(self, values: Tensor) -> Tensor:
        """Data units to model units."""
        return values.to(self.precision.dtype)

    def inverse(self, values: Tensor) -> Tensor:
        """Model units to data units."""
        return values


class Pixels(Transform):
    """Pixels to [0, 1], and back to the units of the data.

    Args:
        limits: What is black and what is white. Without them bytes are from 0 to 255, and anything else is in [0, 1]
            already, as is what comes back.
    """

    def __init__(self, limits: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.limits = limits

    def forward(self, values: Tensor) -> Tensor:
        """(x − black) / (white − black)."""
        pixels = super().forward(values)
        if self.limits is None:
            return pixels / 255 if values.dtype == torch.uint8 else pixels
        black, white = self.limits
        return (pixels - black) / (white - black)

    def inverse(self, values: Tensor) -> Tensor:
        """Black + (white − black) · x."""
        if self.limits is None:
            return values
        black, white = self.limits
        return black + (white - black) * values


class Codes(Transform):
    """Integer codes of any width to int64."""

    def forward(self, values: Tensor) -> Tensor:
        """Codes as int64."""
        return values.long()


class Standardise(Transform):
    """Every value minus its training mean, over its training standard deviation.

    Values that never vary are only centred.
    """

    learns = True
    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Mean and standard deviation per value over its observed cells, in float64; 0 and 1 where there are none."""
        if len(values) == 0:
            return
        exact = values.double()
        if observed is None:
            mean, scale = exact.mean(0), exact.std(0, correction=0)
        else:
            count = observed.sum(0).clamp(min=1)
            mean = exact.where(observed, 0.0).sum(0) / count
            scale = ((exact - mean).where(observed, 0.0).square().sum(0) / count).sqrt()
        self._take(mean, scale)

    def fit_moments(self, mean: Tensor, scale: Tensor) -> bool:
        """They are what is learned, but of what standardises something else than the values."""
        if type(self) is not Standardise:
            return False
        self._take(mean, scale)
        return True

    def _take(self, mean: Tensor, scale: Tensor) -> None:
        varies = scale > 1e-12 * mean.abs().clamp(min=1e-12)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(varies, scale, torch.ones_like(scale)))

    def forward(self, values: Tensor) -> Tensor:
        """(x − mean) / scale."""
        return (super().forward(values) - self.mean) / self.scale

    def inverse(self, values: Tensor) -> Tensor:
        """Mean + scale · x."""
        return self.mean + self.scale * values


class Relative(Transform):
    """Every positive number over its geometric mean in the training rows."""

    learns = True
    log_mean: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("log_mean", torch.zeros(shape))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """The mean of the logarithms over observed cells, in float64; 0 where there are none."""
        if len(values) == 0:
            return
        logs = values.double().clamp(min=torch.finfo(torch.float32).tiny).log()
        if observed is not None:
            logs = logs.where(observed, 0.0) * len(values) / observed.sum(0).clamp(min=1)
        self.log_mean.copy_(logs.mean(0))

    def forward(self, values: Tensor) -> Tensor:
        """x / exp(mean log x)."""
        return super().forward(values) / self.log_mean.exp()

    def inverse(self, values: Tensor) -> Tensor:
        """x · exp(mean log x)."""
        return self.log_mean.exp() * values


class Squeeze(Transform):
    """Numbers from 0 to 1 to numbers from ``margin`` to 1 − ``margin``."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, values: Tensor) -> Tensor:
        """Margin + (1 − 2 margin) x."""
        return self.margin + (1 - 2 * self.margin) * super().forward(values)

    def inverse(self, values: Tensor) -> Tensor:
        """(x − margin) / (1 − 2 margin); what is drawn from the margins is 0 or 1."""
        return ((values - self.margin) / (1 - 2 * self.margin)).clamp(0, 1)
