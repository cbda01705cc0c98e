"""What kinds of numbers share that may be stored less a constant, or divided by a power of ten."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from .fully_connected import Cellwise


class Rescaled(Cellwise):
    """Numbers whose source has other units than 32 bits can hold: stored as (x − offset) / factor."""

    offset: tuple[float, ...] = Field(
        (),
        description="What is subtracted before values are stored, one per value or none; found when a table is read.",
    )
    factor: tuple[float, ...] = Field(
        (),
        description="By what they are then divided, one per value or none; found when a table is read.",
    )

    @model_validator(mode="after")
    def _check_counts(self) -> Rescaled:
        for name, numbers in (("offset", self.offset), ("factor", self.factor)):
            if len(numbers) not in (0, math.prod(self.shape)):
                raise ValueError(f"{name} has {len(numbers)} numbers, and a value has {math.prod(self.shape)}")
        if not all(math.isfinite(number) for number in (*self.offset, *self.factor)) or 0 in self.factor:
            raise ValueError("offset and factor are finite numbers, and no factor is 0")
        return self

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
