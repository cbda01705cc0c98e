"""Vectors of numbers."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from ...distributions import Likelihood, make_likelihood
from ...distributions.likelihoods import ScaleKind
from ...options import Unless
from ..transforms import Standardise, Transform
from .fully_connected import Cellwise


class VectorModality(Cellwise):
    """Real numbers, standardised with training statistics unless told otherwise.

    >>> import numpy as np
    >>> from mmgen import VectorModality
    >>> genes = VectorModality(shape=(2,), columns=("TP53", "MYC"), hidden=(16,))
    >>> genes.value_names("genes"), genes.cells(np.array([0.5, 2.0], dtype=np.float32))
    (['TP53', 'MYC'], [0.5, 2.0])
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "offset", "factor")
    only_with = {
        **Cellwise.only_with,
        "scale": {"likelihood": Unless("squared-error")},
        "scale_kind": {"likelihood": Unless("squared-error")},
    }

    likelihood: Literal["normal", "laplace", "squared-error"] = Field("normal", description="p(x | z).")
    scale: float = Field(1.0, gt=0, description="Scale of the likelihood: fixed, or where a learned one starts.")
    scale_kind: ScaleKind = Field(
        "fixed", description="Whether the scale is fixed, learned per value, or predicted by the decoder."
    )
    standardise: bool = Field(
        True, description="Whether the networks see (x − mean) / standard deviation of the training rows."
    )
    offset: tuple[float, ...] = Field(
        (),
        description="What is subtracted before values are stored, one per value or none; found when a table is read.",
    )
    factor: tuple[float, ...] = Field(
        (),
        description="By what they are then divided, one per value or none; found when a table is read.",
    )

    @model_validator(mode="after")
    def _check_counts(self) -> VectorModality:
        for name, numbers in (("offset", self.offset), ("factor", self.factor)):
            if len(numbers) not in (0, math.prod(self.shape)):
                raise ValueError(f"{name} has {len(numbers)} numbers, and a value has {math.prod(self.shape)}")
        if not all(math.isfinite(number) for number in (*self.offset, *self.factor)) or 0 in self.factor:
            raise ValueError("offset and factor are finite numbers, and no factor is 0")
        return self

    def make_likelihood(self) -> Likelihood:
        """Normal, Laplace or squared error."""
        options: dict[str, Any] = (
            {} if self.likelihood == "squared-error" else {"scale": self.scale, "scale_kind": self.scale_kind}
        )
        return make_likelihood(self.likelihood, self.shape, **options)

    def transform(self) -> Transform:
        """Standardisation, if wanted."""
        return Standardise(self.shape) if self.standardise else Transform()

    def in_source_units(self, values: np.ndarray) -> np.ndarray:
        """Factor · x + offset in float64, where there are any."""
        if not self.offset and not self.factor:
            return values
        return np.asarray(values, dtype=np.float64) * self._numbers(self.factor, 1) + self._numbers(self.offset, 0)

    def cells(self, value: np.ndarray) -> list[Any]:
        """The numbers of the source: the seven digits that float32 has, times the factor, and the offset in float64."""
        stored = super().cells(value)
        if not self.offset and not self.factor:
            return stored
        exact = self.in_source_units(np.array(stored, dtype=np.float64).reshape(self.shape))
        return [float(f"{cell:.16g}") for cell in exact.reshape(-1).tolist()]

    def _numbers(self, numbers: tuple[float, ...], otherwise: float) -> np.ndarray:
        return np.array(numbers or [otherwise] * math.prod(self.shape), dtype=np.float64).reshape(self.shape)
