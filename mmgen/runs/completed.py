"""The values of one modality of a complete table, in units and with the digits of the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..data import MixedModality, Modality
from ..distributions.likelihoods import CODES
from ..evaluation.drawn import supports_of

WORDS_AT_ONCE = 2**20  # numbers that are written out to find their digits


@dataclass(frozen=True)
class Completed:
    """The values of one modality, ``N`` rows of shape ``[*shape]`` that make ``C`` cells of a table.

    Attributes:
        modality: Whose values these are.
        name: What it is called.
        values: As they are stored, ``[N, *shape]``; anything where a cell is empty.
        filled: Which cells were missing and are filled, ``[N, C]``.
        empty: Which cells were missing and still are, ``[N, C]``.
        statistics: ``sd``, ``q05`` and ``q95`` in units of the source, ``[N, C]``; NaN but for numbers that are filled.
    """

    modality: Modality
    name: str
    values: np.ndarray
    filled: np.ndarray
    empty: np.ndarray
    statistics: Mapping[str, np.ndarray]

    def select(self, rows: np.ndarray) -> Completed:
        """Some of the rows."""
        return replace(
            self, values=self.values[rows], filled=self.filled[rows], empty=self.empty[rows], statistics=self.statistics
        )

    def columns(self, wanted: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """A column for each cell, by its name: numbers, or names of categories and texts; of numbers those that are
        ``wanted`` (``[N, C]``, all by default) have the digits of the source.
        """
        names = self.modality.value_names(self.name)
        supports = supports_of(self.modality)
        if all(support in CODES for support in supports):
            cells = np.array([self.modality.cells(value) for value in self.values], dtype=object)
            cells = cells.reshape(len(self.values), len(names))
            cells[self.empty] = None
            return dict(zip(names, cells.T, strict=True))
        numbers = np.where(self.empty, np.nan, in_source_digits(self.modality, self.values, wanted))
        columns = dict(zip(names, numbers.T, strict=True))
        if isinstance(self.modality, MixedModality):
            for name, categories in self.modality.categories.items():
                place = names.index(name)
                codes = self.values[:, place].astype(np.int64)
                codes[self.empty[:, place]] = -1
                columns[name] = np.array([*categories, None], dtype=object)[codes]
        return columns


def in_source_digits(modality: Modality, values: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Stored numbers ``[N, *shape]`` in units of the source, ``float64 [N, C]``, with the digits that these had: 0.1,
    and not the 0.10000000149 that is stored in 32 bits.

    Args:
        modality: Whose numbers these are.
        values: The numbers.
        wanted: Those that are to have these digits, ``[N, C]``; all by default.
    """
    cells = int(np.prod(values.shape[1:]))
    written = np.empty((len(values), cells))
    size = max(1, WORDS_AT_ONCE // cells)
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        stored = values[rows]
        some = np.ones((len(stored), cells), dtype=bool) if wanted is None else wanted[rows]
        exact = stored.astype(np.float64)
        if stored.dtype == np.float32:
            exact.reshape(-1, cells)[some] = _shortest(stored.reshape(-1, cells)[some])
        source = modality.in_source_units(exact)
        written[rows] = source.reshape(len(stored), -1)
        if source is not exact:
            written[rows][some] = np.char.mod("%.16g", written[rows][some]).astype(np.float64)
    return written


def _shortest(values: np.ndarray) -> np.ndarray:
    """float32 numbers ``[n]`` as the float64 numbers that are written with as few digits, by Arrow."""
    import pyarrow as pa

    return np.asarray(pa.array(values).cast(pa.string()).cast(pa.float64()))
