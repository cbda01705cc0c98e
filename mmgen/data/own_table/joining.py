"""The outer join by which rows of several frames or files are brought together."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def join_indices(indices: Iterable[pd.Index]) -> pd.Index:
    """Every entry of several indices once: those of the first in their order, then what each next one adds."""
    first, *others = indices
    joined = first
    for index in others:
        joined = joined if index.equals(joined) else joined.append(index.difference(joined, sort=False))
    return joined
