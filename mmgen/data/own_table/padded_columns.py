"""A source with columns that it lacks, in which every cell is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .source import Source


class PaddedColumns(Source):
    """The columns of a source, and empty ones of further names, for a modality of which single cells may be missing."""

    def __init__(self, inner: Source, absent: Sequence[str]) -> None:
        super().__init__(inner.title, (*inner.names, *absent))
        self.kind, self.missing, self.folder, self.count = inner.kind, inner.missing, inner.folder, inner.count
        self.notes = inner.notes  # what one finds is said with the rest
        self._inner, self._absent = inner, frozenset(absent)

    def place(self, row: int) -> str:
        """As in the source."""
        return self._inner.place(row)

    def cells(self, name: str) -> list[Any]:
        """Those of the source, None in columns that it lacks."""
        return [None] * self.count if name in self._absent else self._inner.cells(name)

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """That of the source."""
        return self._inner.array(name)

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """Those of the source, NaN in columns that it lacks."""
        values = np.full((self.count, len(names)), math.nan)
        there = [place for place, name in enumerate(names) if name not in self._absent]
        if there:
            values[:, there] = self._inner.numbers([names[place] for place in there], where, truths)
        return values
