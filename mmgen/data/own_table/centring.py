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


def find_offset_and_factor(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The offset and the factor ``[C]`` of columns ``[N, C]`` in float64 (NaN where missing): mostly 0 and 1.

    An offset is the mean, rounded to a power of ten above the standard deviation, so that people recognise it.
    A factor is a power of ten.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without a value
        largest, mean, spread = np.nanmax(np.abs(values), 0), np.nanmean(values, 0), np.nanstd(values, 0)
        varies = np.nanmax(values, 0) > np.nanmin(values, 0)
        rounding = np.spacing(largest.astype(np.float32)).astype(np.float64) / 2
        step = 10.0 ** np.ceil(np.log10(spread))
        centre = np.where(np.spacing(largest) > LOST * step, mean, np.round(mean / step) * step)
        lost = varies & (rounding > LOST * spread)
        offset = np.where(lost, centre, 0.0)
        extreme = varies & ((np.nanmax(np.abs(values - offset), 0) > SQUARES) | (spread < 1 / SQUARES))
        return offset, np.where(extreme, 10.0 ** np.floor(np.log10(spread)), 1.0)


@dataclass
class Rescaling:
    """The offset and the factor of a vector's columns, found block by block or given with the modality."""

    request: Request
    offsets: list[np.ndarray] = field(default_factory=list)
    factors: list[np.ndarray] = field(default_factory=list)
    rounded: bool = False

    def of(self, values: np.ndarray, columns: slice) -> np.ndarray:
        """The values of some columns as they are stored; whole numbers that float32 rounds are remembered."""
        if not issubclass(self.request.kind, VectorModality):
            stored = values.astype(np.float32)
            self.rounded |= bool((stored != values)[~np.isnan(values)].any())
            return stored
        fields = self.request.fields
        if "offset" in fields or "factor" in fields:
            offset = np.array(fields.get("offset") or 0.0)
            factor = np.array(fields.get("factor") or 1.0)
            offset, factor = (number[columns] if number.ndim else number for number in (offset, factor))
        else:
            offset, factor = find_offset_and_factor(values)
            if likelihood_support(fields) != "real":  # numbers that a constant would push out of their range
                offset, factor = np.zeros_like(offset), np.where(offset == 0, factor, 1.0)
            self.offsets.append(offset)
            self.factors.append(factor)
        return ((values - offset) / factor).astype(np.float32)

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
