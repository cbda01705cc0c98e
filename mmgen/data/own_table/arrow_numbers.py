"""Columns of Arrow as numbers, without an object for each cell."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from .numerals import TRUTHS, NumberError, exact_integers, parse_numbers

if TYPE_CHECKING:
    import pyarrow as pa


def column_numbers(column: pa.ChunkedArray, words: Collection[str], truths: bool) -> np.ndarray:
    """A column as float64, NaN where it is null or one of the ``words`` for a missing value.

    Raises:
        NumberError: For the first cell that is no number, or for the column where its type cannot hold any.
    """
    import pyarrow as pa
    import pyarrow.types as of

    kind = column.type
    if of.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if of.is_null(kind):
        return np.full(len(column), np.nan)
    if of.is_integer(kind):
        if not column.null_count:
            return exact_integers(column.to_numpy())
        known = column.is_valid().to_numpy()
        values = np.full(len(column), np.nan)
        values[known] = exact_integers(column.fill_null(0).to_numpy())[known]
        return values
    if of.is_floating(kind) or of.is_decimal(kind):
        return np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return _texts(column, words, truths)
    if of.is_boolean(kind) and truths:
        return np.array(column.cast(pa.int8()).cast(pa.float64()).to_numpy(), dtype=np.float64)
    raise NumberError(f"has the type {kind}, and not numbers; {_remedy(kind)}")


def _texts(column: pa.ChunkedArray, words: Collection[str], truths: bool) -> np.ndarray:
    """Numbers that are written as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column.cast(pa.large_string()).combine_chunks())
    return parse_numbers(trimmed, words, ".", TRUTHS if truths else {})


def _remedy(kind: pa.DataType) -> str:
    import pyarrow.types as of

    if of.is_boolean(kind):
        return "columns of true and false are of the kind tags"
    if of.is_temporal(kind):
        return "write times as numbers, such as the days since the first"
    if of.is_nested(kind):
        return "a column of lists of one length is an array: write array: instead of columns:"
    return "write them as numbers, or leave the column out"
