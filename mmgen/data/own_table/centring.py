"""Columns whose differences 32-bit numbers would lose: what is subtracted and divided before they are stored."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import listed
from ..modalities import CountsModality, VectorModality
from .request import Request
from .scales import likelihood_support

LOST = 1e-3  # of a column's standard deviation: the rounding that is still let pass
SQUARES = 1e15  # magnitudes beyond it, or below its inverse, have squares that a sum of float32 does not hold


@dataclass(frozen=True)
class ColumnMoments:
    """What is known of columns, NaN left out, whose rows are seen in parts.

    Attributes:
        count: Values ``[C]``.
        mean, squares: Their mean, and the sum of squared differences from it.
        least, most: The smallest and the largest; NaN in a column without a value, as the mean is.
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> ColumnMoments:
        """Of columns ``[N, C]`` in float64."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # columns without a value
            count, mean = (~np.isnan(values)).sum(0), np.nanmean(values, 0)
            squares = np.nansum(np.square(values - mean), 0)
            return cls(count, mean, squares, np.nanmin(values, 0), np.nanmax(values, 0))

    def and_of(self, other: ColumnMoments) -> ColumnMoments:
        """With other rows of the same columns (Chan, Golub & LeVeque 1983)."""
        with np.errstate(all="ignore"):
            count, further = self.count + other.count, other.mean - self.mean
            mean = self.mean + further * (other.count / count)
            squares = self.squares + other.squares + np.square(further) * (self.count * (other.count / count))
            mean = np.where(self.count == 0, other.mean, np.where(other.count == 0, self.mean, mean))
            either = (self.count == 0) | (other.count == 0)
            squares = np.where(either, self.squares + other.squares, squares)
            return ColumnMoments(count, mean, squares, np.fmin(self.least, other.least), np.fmax(self.most, other.most))


def find_offset_and_factor(moments: ColumnMoments) -> tuple[np.ndarray, np.ndarray]:
    """The offset and the factor ``[C]`` of columns: mostly 0 and 1.

    An offset is the mean, rounded to a power of ten above the standard deviation, so that people recognise it.
    A factor is a power of ten.
    """
    with np.errstate(all="ignore"):
        mean, spread = moments.mean, np.sqrt(moments.squares / moments.count)
        largest, varies = np.maximum(np.abs(moments.least), np.abs(moments.most)), moments.most > moments.least
        rounding = np.spacing(largest.astype(np.float32)).astype(np.float64) / 2
        step = 10.0 ** np.ceil(np.log10(spread))
        centre = np.where(np.spacing(largest) > LOST * step, mean, np.round(mean / step) * step)
        lost = varies & (rounding > LOST * spread)
        offset = np.where(lost, centre, 0.0)
        furthest = np.maximum(np.abs(moments.least - offset), np.abs(moments.most - offset))
        extreme = varies & ((furthest > SQUARES) | (spread < 1 / SQUARES))
        return offset, np.where(extreme, 10.0 ** np.floor(np.log10(spread)), 1.0)


@dataclass
class Rescaling:
    """The offset and the factor of a vector's columns, found for some after others or given with the modality."""

    request: Request
    offsets: list[np.ndarray] = field(default_factory=list)
    factors: list[np.ndarray] = field(default_factory=list)
    rounded: bool = False
    _change: tuple[np.ndarray, np.ndarray] | None = None

    def look_at(self, moments: ColumnMoments, columns: slice) -> None:
        """Find the offset and the factor of some columns, of which values are stored next."""
        if not issubclass(self.request.kind, VectorModality):
            return
        fields = self.request.fields
        if "offset" in fields or "factor" in fields:
            given = np.array(fields.get("offset") or 0.0), np.array(fields.get("factor") or 1.0)
            offset, factor = (number[columns] if number.ndim else number for number in given)
        else:
            offset, factor = find_offset_and_factor(moments)
            if likelihood_support(fields) != "real":  # numbers that a constant would push out of their range
                offset, factor = np.zeros_like(offset), np.where(offset == 0, factor, 1.0)
            self.offsets.append(offset)
            self.factors.append(factor)
        self._change = offset, factor

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values of the columns that were looked at, as they are stored; whole numbers that float32 rounds are
        remembered.
        """
        if self._change is not None:
            offset, factor = self._change
            return ((values - offset) / factor).astype(np.float32)
        stored = values.astype(np.float32)
        self.rounded |= bool((stored != values)[~np.isnan(values)].any())
        return stored

    def result(self) -> tuple[dict[str, Any], list[str]]:
        """The fields of the modality, and sentences on what was changed."""
        notes = []
        if self.rounded and issubclass(self.request.kind, CountsModality):
            notes.append(f"{self.request.name}: counts above 16,777,216 are rounded to 24 binary digits.")
        fields = {}
        less = "stored less a constant, because 32-bit numbers would lose their differences"
        divided = "stored divided by a power of ten, because 32-bit numbers do not hold their squares"
        for name, blocks, plain, change in (("offset", self.offsets, 0, less), ("factor", self.factors, 1, divided)):
            numbers = np.concatenate(blocks) if blocks else np.array([])
            changed = np.flatnonzero(numbers != plain)
            if len(changed):
                fields[name] = tuple(numbers.tolist())
                titles = range(len(numbers)) if self.request.is_array else self.request.names
                names = [str(titles[index]) for index in changed]
                notes.append(
                    f"{self.request.name}: {len(changed)} of {len(numbers)} columns ({listed(names)}) are {change}; "
                    "files that are written have the units of the table again, and errors are measured in those "
                    "stored."
                )
        return fields, notes
