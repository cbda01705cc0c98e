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
    import pyarrow.types as types

    dtype = column.type
    if types.is_dictionary(dtype):
        column, dtype = column.cast(dtype.value_type), dtype.value_type
    if types.is_null(dtype):
        return np.full(len(column), np.nan)
    if types.is_integer(dtype):
        if not column.null_count:
            return exact_integers(column.to_numpy())
        valid = column.is_valid().to_numpy()
        values = np.full(len(column), np.nan)
        values[valid] = exact_integers(column.fill_null(0).to_numpy())[valid]
        return values
    if types.is_floating(dtype) or types.is_decimal(dtype):
        return np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if types.is_string(dtype) or types.is_large_string(dtype) or types.is_string_view(dtype):
        return _texts(column, words, truths)
    if types.is_boolean(dtype) and truths:
        return np.array(column.cast(pa.int8()).cast(pa.float64()).to_numpy(), dtype=np.float64)
    raise NumberError(f"has the type {dtype}, and not numbers; {_remedy(dtype)}")


def _texts(column: pa.ChunkedArray, words: Collection[str], truths: bool) -> np.ndarray:
    """Numbers that are written as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column.cast(pa.large_string()).combine_chunks())
    return parse_numbers(trimmed, words, ".", TRUTHS if truths else {})


def _remedy(dtype: pa.DataType) -> str:
    import pyarrow.types as types

    if types.is_boolean(dtype):
        return "columns of true and false are of the kind tags"
    if types.is_temporal(dtype):
        return "write times as numbers, such as the days since the first"
    if types.is_nested(dtype):
        return "a column of lists of one length is an array: write array: instead of columns:"
    return "write them as numbers, or leave the column out"
