"""Which cells of one's own table hold nothing: the words for a missing value, in numbers, classes and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .numerals import parse_number

# What pandas takes for an empty cell, so that a table means the same here as it did to whoever wrote it.
_INDETERMINATE = ("-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN")  # as C on Windows prints what is not a number
MISSING = frozenset(
    (
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-NaN",
        "-nan",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
        *_INDETERMINATE,
    )
)


def is_missing(cell: Any, words: Collection[str] = MISSING) -> bool:
    """Whether a cell holds nothing: None, not a number, or one of the words for it."""
    if isinstance(cell, str):
        return cell.strip() in words
    return cell is None or (isinstance(cell, float | np.floating) and bool(cell != cell))


@dataclass(frozen=True)
class MissingWords:
    """The words that mean a missing value; the empty cell always does.

    Attributes:
        words: Of numbers, classes and groups; of texts too where the user has ``named`` them.
        named: Whether the user did, or they are those of pandas: "null" is a text unless somebody says otherwise.
        codes: Those of the words that are numbers, such as -999, which mean a missing value however they are written.
    """

    words: frozenset[str] = MISSING
    named: bool = False
    codes: tuple[float, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        numbers = (parse_number(word) for word in sorted(self.words))
        object.__setattr__(self, "codes", tuple(value for value in numbers if value is not None and np.isfinite(value)))

    @classmethod
    def of(cls, words: Iterable[str] | None) -> MissingWords:
        """Pandas' words for None, else ``words`` and the empty cell."""
        return cls() if words is None else cls(frozenset({"", *(word.strip() for word in words)}), named=True)

    def is_missing(self, cell: Any) -> bool:
        """Whether a number, a class or a group is missing."""
        is_number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
        return (is_number and cell in self.codes) or is_missing(cell, self.words)

    def is_missing_text(self, cell: Any) -> bool:
        """Whether a text is missing."""
        return self.is_missing(cell) if self.named else is_missing(cell, ("",))

    def describe_words(self, cells: Sequence[Any]) -> str:
        """The words that make some of the cells missing, and how often: ``'NA' (3), 'None' (1)``."""
        counts = Counter(
            cell.strip() for cell in cells if isinstance(cell, str) and cell.strip() and self.is_missing(cell)
        )
        return ", ".join(f"{word!r} ({times})" for word, times in counts.most_common())
