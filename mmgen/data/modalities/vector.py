"""Vectors of numbers."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...distributions import SUPPORTS
from ...distributions.likelihoods import Support
from ...networks import MLPTrunk
from ..transforms import CentredLogRatio, Log1p, RankGauss, Relative, Squeeze, Standardise, Transform
from .rescaled import Rescaled

TINY = 1e-12  # of a positive number in units of its geometric mean


class _LogTrunk(MLPTrunk):
    """A multilayer perceptron that sees log x; of 0, which stands where there is no value, that of a tiny number.

    With ``masked`` it sees ``[N, 2, *shape]``: the values, and which of them are there.
    """

    def __init__(self, shape: tuple[int, ...], *options: Any, masked: bool = False) -> None:
        super().__init__(shape, *options)
        self.masked = masked

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, *shape]`` to ``[N, features]``."""
        logs = x.clamp(min=TINY).log()
        return super().forward(torch.stack([logs[:, 0], x[:, 1]], 1) if self.masked else logs, beside)


class VectorModality(Rescaled):
    """Numbers: real ones, or, by the likelihood, positive ones (``log-normal``) or ones between 0 and 1 (``beta``).

    Real numbers are standardised with training statistics unless ``transform`` says otherwise; positive ones are
    divided by their geometric mean, and the encoder sees logarithms.

    >>> import numpy as np
    >>> from mmgen import VectorModality
    >>> genes = VectorModality(shape=(2,), columns=("TP53", "MYC"), hidden=(16,))
    >>> genes.value_names("genes"), genes.cells(np.array([0.5, 2.0], dtype=np.float32))
    (['TP53', 'MYC'], [0.5, 2.0])
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "offset", "factor")
    supports: ClassVar[tuple[Support, ...]] = ("real", "positive", "unit")

    only_with = {**Rescaled.only_with, "pseudocount": {"transform": ("clr",)}}

    transform: Literal["standardise", "log1p", "clr", "rank-gauss", "none"] = Field(
        "standardise",
        description="What the networks see instead of x; what is generated is turned back. standardise: (x − mean) / "
        "standard deviation of the training rows, of positive numbers x / geometric mean, of numbers between 0 and 1 "
        "x; log1p: log(1 + x), standardised; clr: log-ratios of compositions to their geometric mean, standardised; "
        "rank-gauss: the normal score of the quantile among training rows; none: x.",
    )
    pseudocount: float | None = Field(
        None,
        gt=0,
        description="The share of a row's total that a zero counts as; none: half of the smallest one above 0 in the "
        "training rows.",
    )
    squeeze: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="With a likelihood of numbers between 0 and 1: networks see squeeze + (1 − 2 squeeze) x, so that 0 "
        "and 1, whose density is 0 or infinite, can be taken; what is generated is turned back.",
    )

    @model_validator(mode="after")
    def _check_squeeze(self) -> VectorModality:
        if self.squeeze and self.support != "unit":
            raise ValueError(
                f"squeeze does nothing with the likelihood {self.likelihood.name}, it is for one of numbers between 0 "
                "and 1, such as beta; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_transform(self) -> VectorModality:
        if self.transform in ("log1p", "clr", "rank-gauss") and self.support != "real":
            raise ValueError(
                f"transform {self.transform} gives real numbers, and the likelihood {self.likelihood.name} is of "
                f"{SUPPORTS[self.support].words}; leave out one of the two"
            )
        if self.transform == "clr" and math.prod(self.shape) < 2:
            raise ValueError("transform clr is of the parts of a whole, and a value has one number; leave it out")
        if self.pseudocount is not None and self.pseudocount > 1 / (2 * math.prod(self.shape)):
            raise ValueError(
                f"pseudocount is a share of a row's total, at most 1/(2 · {math.prod(self.shape)} parts), and not "
                f"{self.pseudocount:g}"
            )
        return self

    @property
    def value_transforms(self) -> tuple[str, ...]:
        """Of all values."""
        return (self.transform,)

    def refused(self, values: np.ndarray) -> tuple[np.ndarray, str]:
        """As likelihood and transform have it; ends of the unit interval are let in by ``squeeze``."""
        wrong, reason = super().refused(values)
        if self.transform in ("log1p", "clr") and (values < 0).any():
            return values < 0, f"and transform {self.transform} is of numbers from 0 on"
        if self.transform == "clr":
            empty = np.nansum(values, axis=tuple(range(-len(self.shape), 0)), keepdims=True) <= 0
            return empty & np.isfinite(values), "as do all of its row, and transform clr is of shares of a row's total"
        if self.support != "unit":
            return wrong, reason
        if self.squeeze:
            return (values < 0) | (values > 1), "and this likelihood is of numbers from 0 to 1"
        return wrong, f"{reason}; the option squeeze, such as squeeze: 0.001, moves 0 and 1 inwards"

    def make_transform(self) -> Transform:
        """The chosen one; by standardisation what it means for such numbers."""
        if self.support == "unit":
            return Squeeze(self.squeeze) if self.squeeze else Transform()
        if self.transform == "log1p":
            return Log1p(self.shape, self.offset, self.factor)
        if self.transform == "clr":
            return CentredLogRatio(self.shape, self.pseudocount, self.offset, self.factor)
        if self.transform == "rank-gauss":
            return RankGauss(self.shape)
        if self.transform == "none":
            return Transform()
        return Relative(self.shape) if self.support == "positive" else Standardise(self.shape)

    def trunk(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron, of the logarithms of positive numbers."""
        if self.support != "positive":
            return super().trunk(latent_dim)
        return _LogTrunk(self._input_shape, self.hidden, self.activation, self._dropout, masked=self.mask_input)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of 256 and 128, with dropout, of the logarithms of positive numbers."""
        return (
            super().classifier_trunk() if self.support != "positive" else _LogTrunk(self.shape, (256, 128), "relu", 0.3)
        )
