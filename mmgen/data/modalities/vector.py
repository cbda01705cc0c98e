"""Vectors of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...distributions.likelihoods import Support
from ...networks import MLPTrunk
from ..transforms import Relative, Squeeze, Standardise, Transform
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

    Real numbers are standardised with training statistics unless told otherwise; positive ones are divided by their
    geometric mean, and the encoder sees logarithms.

    >>> import numpy as np
    >>> from mmgen import VectorModality
    >>> genes = VectorModality(shape=(2,), columns=("TP53", "MYC"), hidden=(16,))
    >>> genes.value_names("genes"), genes.cells(np.array([0.5, 2.0], dtype=np.float32))
    (['TP53', 'MYC'], [0.5, 2.0])
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "offset", "factor")
    supports: ClassVar[tuple[Support, ...]] = ("real", "positive", "unit")

    standardise: bool = Field(
        True,
        description="Whether the networks see (x − mean) / standard deviation of the training rows; of positive "
        "numbers x / geometric mean. Numbers between 0 and 1 stay as they are.",
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

    def refused(self, values: np.ndarray) -> tuple[np.ndarray, str]:
        """As the likelihood has it; ends of the unit interval are let in by ``squeeze``."""
        wrong, reason = super().refused(values)
        if self.support != "unit":
            return wrong, reason
        if self.squeeze:
            return (values < 0) | (values > 1), "and this likelihood is of numbers from 0 to 1"
        return wrong, f"{reason}; the option squeeze, such as squeeze: 0.001, moves 0 and 1 inwards"

    def transform(self) -> Transform:
        """Standardisation, if wanted."""
        if self.support == "unit":
            return Squeeze(self.squeeze) if self.squeeze else Transform()
        if not self.standardise:
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
