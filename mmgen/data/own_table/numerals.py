"""Numbers as files of measurements write them, and why something else is none.

Python's ``float`` takes more than any reader of tables: ``1_000``, digits of other scripts. What is a number here is
one to pandas, R and spreadsheets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_FINITE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_EXACT = 2**53  # above it, float64 passes over whole numbers

TRUTHS = {
    "True": 1.0,
    "true": 1.0,
    "TRUE": 1.0,
    "False": 0.0,
    "false": 0.0,
    "FALSE": 0.0,
}  # as Python, JSON, R and Excel write them
ERRORS = frozenset(("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"))  # of spreadsheets
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,.'’\s][0-9]{3})+(?:[.,][0-9]*)?")
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?"),
        'where "," is the decimal sign of the file, say decimal: ","',
    ),
    (_GROUPED, "write it without separators of thousands"),
    (re.compile(r"[+-]?[0-9.,]+\s*%"), "write it without the percent sign"),
    (re.compile(r"[+-]?[0-9][0-9.]*_[0-9_.]*"), "write it without the underscore"),
    (re.compile(r"[+-]?0[xX][0-9a-fA-F.]+(?:[pP][+-]?[0-9]+)?"), "write it in decimal digits"),
    (re.compile(r"[+-]?[0-9.]+[dD][+-]?[0-9]+"), "write its exponent with e"),
    (
        re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*"),
        "write a date as a number, such as the days since the first",
    ),
    (re.compile(r"[<>≤≥~].*"), "write the number alone, or leave the cell empty"),
    (re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?\s*[^\W\d_].*"), "write the unit into the name of the column"),
    (re.compile(r"[+\-−]?[\d.]+"), "write it in the digits 0 to 9 with the signs + and -"),
)


class NumberError(Exception):
    """A cell that is no number, by its place among those that were read; without a place, a whole column."""

    def __init__(self, reason: str, index: int | None = None, cell: Any = None) -> None:
        super().__init__(reason)
        self.reason, self.index, self.cell = reason, index, cell


def is_finite(text: str) -> bool:
    """Whether a text is a finite number."""
    return _FINITE.fullmatch(text) is not None


def parse_number(text: str, decimal: str = ".") -> float | None:
    """The number that a text without blanks around it means, or None."""
    plain = text if decimal == "." else None if "." in text else text.replace(decimal, ".")
    return float(plain) if plain is not None and (_FINITE.fullmatch(plain) or _INFINITE.fullmatch(plain)) else None


def explain_defect(text: str, decimal: str = ".") -> str:
    """What is wrong with a text that is no number, and what would be right."""
    if text in ERRORS:
        return "which is an error of a spreadsheet; mend it there, or leave the cell empty"
    if decimal == "," and is_finite(text):
        return 'which has a point, and the decimal sign of the file is ","; say decimal: "." where it is the point'
    if decimal == "." and _GROUPED.fullmatch(text) and "," in text and "." not in text:
        thousands = "and otherwise write it without separators of thousands"
        return f'which is not clear: where "," is the decimal sign, say decimal: ",", {thousands}'
    hints = (hint for pattern, hint in _HINTS if pattern.fullmatch(text))
    hint = next(hints, "an empty cell would mean a missing value")
    return f"which is not a number; {hint}"


def exact(value: int, index: int) -> float:
    """A whole number as float64; one that would be rounded is an error."""
    if abs(value) > _EXACT and (value.bit_length() > 1023 or int(float(value)) != value):
        raise NumberError(
            "which a 64-bit floating-point number does not hold exactly; subtract a constant from the column",
            index,
            value,
        )
    return float(value)


def exact_integers(values: np.ndarray) -> np.ndarray:
    """Integers as float64; one that would be rounded is an error."""
    for index in np.flatnonzero((values >= _EXACT) | (values <= -_EXACT)):
        exact(int(values[index]), int(index))
    return values.astype(np.float64)


def parse_numbers(texts: pa.Array, words: Collection[str], decimal: str, truths: Mapping[str, float]) -> np.ndarray:
    """Texts without blanks around them as float64, NaN for the ``words`` that mean a missing value.

    By Arrow; cell by cell only where it stops.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(texts, value_set=pa.array(sorted(words), texts.type))
    observed = pc.if_else(missing, pa.scalar(None, texts.type), texts)
    try:
        plain = observed if decimal == "." else pc.replace_substring(observed, decimal, ".")
        values = np.array(pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False))
        points = decimal != "." and pc.any(pc.match_substring(observed, ".")).as_py()
        irregular = points or np.isnan(values).sum() != observed.null_count
    except pa.ArrowInvalid:
        irregular = True
    if irregular:
        cells = enumerate(observed.to_pylist())
        values = np.array([_value(text, index, decimal, truths) for index, text in cells], dtype=np.float64)
    for index in np.flatnonzero(np.abs(values) >= _EXACT):
        text = texts[int(index)].as_py()
        if text.lstrip("+-").isdigit() and len(text) < 400:  # beyond 308 digits it is infinite, and refused as that
            exact(int(text), int(index))
    return values


def _value(text: str | None, index: int, decimal: str, truths: Mapping[str, float]) -> float:
    if text is None:
        return math.nan
    value = truths.get(text, parse_number(text, decimal))
    if value is None:
        raise NumberError(explain_defect(text, decimal), index, text)
    return value
