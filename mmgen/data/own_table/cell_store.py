"""The cells of a text file, kept small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 500_000  # cells that are Python's at any time


class CellStore:
    """Rows of texts, all of one width, as Arrow's strings: 13 bytes for a cell of a number where Python's take 60.

    Attributes:
        count: How many rows there are.
        width: How many cells each has; 0 before the first.
    """

    def __init__(self) -> None:
        self.count = self.width = 0
        self._rows: list[Sequence[str]] = []
        self._chunks: list[tuple[int, pa.Array]] = []  # how many rows, and their cells, row after row

    def append(self, cells: Sequence[str]) -> None:
        """One more row."""
        self._rows.append(cells)
        self.count, self.width = self.count + 1, len(cells)
        if len(self._rows) * self.width >= CHUNK:
            self.close()

    def close(self) -> None:
        """Pack what was appended; called once more after the last row."""
        import pyarrow as pa

        if self._rows:
            self._chunks.append((len(self._rows), pa.array(list(chain.from_iterable(self._rows)), pa.string())))
            self._rows = []

    def blocks(self, columns: Sequence[int]) -> Iterator[pa.Array]:
        """The cells of some columns, row after row, a chunk of rows at a time."""
        for rows, cells in self._chunks:
            places = np.arange(rows, dtype=np.int64)[:, None] * self.width + np.array(columns, dtype=np.int64)
            yield cells.take(places.reshape(-1))

    def column(self, index: int) -> list[str]:
        """The cells of one column."""
        return [cell for cells in self.blocks([index]) for cell in cells.to_pylist()]

    def rows(self, rows: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """The cells of some rows in some columns, ``[R, C]`` texts."""
        found, first = np.empty((len(rows), len(columns)), dtype=object), 0
        for count, cells in self._chunks:
            here = (rows >= first) & (rows < first + count)
            if here.any():
                places = (rows[here] - first)[:, None] * self.width + np.array(columns, dtype=np.int64)
                texts = cells.take(places.reshape(-1)).to_numpy(zero_copy_only=False)
                found[here] = texts.reshape(-1, len(columns))
            first += count
        return found

    def first_filled(self, index: int) -> int | None:
        """The first row whose cell in a column is not empty."""
        import pyarrow.compute as pc

        first = 0
        for cells in self.blocks([index]):
            full = np.flatnonzero(pc.not_equal(cells, "").to_numpy(zero_copy_only=False))
            if len(full):
                return first + int(full[0])
            first += len(cells)
        return None
