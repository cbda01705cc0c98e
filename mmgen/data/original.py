"""The table that rows were read from, as it is written there: for what writes it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class ColumnReader(Protocol):
    """What reads columns of one file or frame."""

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """Columns as float64 ``[N, C]``, NaN where missing."""

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns with the types that they have, ``[N, C]``."""

    def written(self, names: Sequence[str], rows: np.ndarray) -> np.ndarray | None:
        """The text of the cells of some rows, ``[R, C]``; None where they are no text."""


@dataclass(frozen=True)
class OriginalColumn:
    """A column of the table.

    Attributes:
        name: What it is called among all columns of the table.
        key: What its reader calls it.
        reader: What reads it.
        cell: The modality that it is of, and its place among the values of that; None where it is of none.
    """

    name: str
    key: str
    reader: ColumnReader
    cell: tuple[str, int] | None = None


@dataclass(frozen=True)
class Original:
    """The columns of a table, in their order.

    Attributes:
        columns: All but those that name its rows.
        ids: The columns that do, in the order of the identity of the rows; empty where they are no columns of it.
        left_out: Arrays of no modality, that have several values per row.
        separator: Between the cells of a file of text.
        decimal: The decimal sign of such a file.
    """

    columns: tuple[OriginalColumn, ...]
    ids: tuple[OriginalColumn, ...] = ()
    left_out: tuple[str, ...] = ()
    separator: str = ","
    decimal: str = "."
