"""Which kind of modality the values of a frame or an array in memory look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse

from ...errors import DataError
from .alignment import Entry
from .axes import channel_axis
from .mixed_columns import MOST_NAMES


def guess_kind(where: str, values: Entry) -> str:
    """The kind of a modality, of which ``where`` says what it is in a sentence.

    Bytes of three or four dimensions are images; numbers that are all 0 or 1 tags, whole numbers from 0 on counts, and
    others a vector; a column of words labels; columns of several types are mixed. NaN counts for nothing.

    Raises:
        DataError: Times, or words of which nearly every row has another, with what to say instead.
    """
    if isinstance(values, scipy.sparse.csr_array):
        return kind_of_numbers(np.append(values.data, np.zeros(1, values.dtype)))  # a zero stands for all of them
    if isinstance(values, np.ndarray):
        return "image" if _is_picture(values) else kind_of_numbers(values)
    types = {column: _column_type(where, values[column]) for column in values.columns}
    found = set(types.values())
    if found == {"words"}:
        if len(types) > 1:
            return "mixed"
        _check_categories(where, values.iloc[:, 0])
        return "labels"
    if "words" in found:
        return "mixed"
    if found == {"truths"}:
        return "tags"
    kind = kind_of_numbers(np.stack([_numbers(values[column]) for column in values.columns], 1))
    if len(found) > 1 and (kind == "vector" or "truths" in found):
        return "mixed"
    return kind


def _is_picture(values: np.ndarray) -> bool:
    """Whether an array is ``[N, H, W]``, ``[N, C, H, W]`` or ``[N, H, W, C]`` of bytes."""
    if values.dtype != np.uint8:
        return False
    return values.ndim == 3 or (values.ndim == 4 and channel_axis(values.shape[1:]) is not None)


def kind_of_numbers(values: np.ndarray) -> str:
    """``tags``, ``counts`` or ``vector``; NaN counts for nothing."""
    if values.dtype.kind == "b":
        return "tags"
    known = values if values.dtype.kind in "iu" else values[np.isfinite(values)]
    if known.size == 0 or known.min() < 0 or not bool((known == np.floor(known)).all()):
        return "vector"
    return "tags" if known.max() <= 1 else "counts"


def _column_type(title: str, column: pd.Series) -> str:
    """``truths``, ``whole`` and ``real`` numbers by the type of a column, and ``words``."""
    where = f"{title}: the column {column.name!r}"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "words"
    if column.dtype.kind in "mMc":
        raise DataError(f"{where} holds {column.dtype}; write it as numbers, such as days since the first, or drop it.")
    if column.dtype.kind in "biuf":
        types = {"b": "truths", "i": "whole", "u": "whole", "f": "real"}
        # a whole column that lacks rows is one of floats in pandas
        whole = column.dtype.kind == "f" and column.hasnans and kind_of_numbers(_numbers(column)) != "vector"
        return "whole" if whole else types[column.dtype.kind]
    cells = column.dropna()
    if len(cells) and all(isinstance(cell, bool | np.bool_) for cell in cells):
        return "truths"
    if len(cells) and all(isinstance(cell, int | float | np.number) for cell in cells):
        return "whole" if all(isinstance(cell, int | np.integer) for cell in cells) else "real"
    return "words"


def _numbers(column: pd.Series) -> np.ndarray:
    return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _check_categories(where: str, column: pd.Series) -> None:
    known = column.dropna()
    distinct = known.astype(str).nunique()
    if distinct > MOST_NAMES and distinct > len(known) / 2:
        raise DataError(
            f"{where} has {distinct} different words in {len(known)} rows, which are texts or names rather than "
            "categories; say kind: text of the modality, or give names of rows as id."
        )
