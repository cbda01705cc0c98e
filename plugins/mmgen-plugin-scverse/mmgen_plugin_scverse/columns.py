"""Cells and columns of several blocks together: names of cells, columns of ``obs``, and variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from .block import Block

OBS_NAMES = "obs_names"


def find_variables(blocks: Mapping[str, Block], taken: Collection[str]) -> dict[str, tuple[str, int]]:
    """The array and the place in it of every variable: by its name, or where that is something else too with the name
    of its block before it; those whose names are ``taken`` even then have none.
    """
    places: dict[str, list[tuple[str, str, int]]] = {}
    for name, block in blocks.items():
        array = next((place for place in ("X", *block.matrices) if block.has(place)), None)
        if array is not None and block.matrices[array].names == block.var_names:
            full = f"{name}/{array}" if name else array
            for index, variable in enumerate(block.var_names):
                places.setdefault(variable, []).append((name, full, index))
    found: dict[str, tuple[str, int]] = {}
    for variable, those in places.items():
        for name, array, index in those:
            free = len(those) == 1 and variable not in taken
            called = variable if free else f"{name}:{variable}" if name else ""
            if called and called not in taken:
                found[called] = (array, index)
    return found


def union_of(blocks: Mapping[str, Block], obs: pd.DataFrame | None) -> pd.Index:
    """The names of all cells: in the order of the whole object, and behind them those that only a block knows."""
    indices = [*([] if obs is None else [obs.index.astype(str)]), *(block.obs.index for block in blocks.values())]
    return pd.Index(dict.fromkeys(name for index in indices for name in index))


def columns_of_obs(blocks: Mapping[str, Block], obs: pd.DataFrame | None, every: pd.Index) -> dict[str, pd.Series]:
    """The columns of ``obs`` by name: those of the whole object, those of a block after its name, and by the bare name
    what blocks agree on.
    """
    if obs is None:
        (block,) = blocks.values()
        return {str(name): block.obs[name] for name in block.obs}
    whole = obs.set_axis(obs.index.astype(str))
    found = {str(name): whole[name].reindex(every) for name in whole}
    own: dict[str, pd.Series] = {}
    bare: dict[str, pd.Series | None] = {}
    for mod, block in blocks.items():
        for name in map(str, block.obs.columns):
            column = block.obs[name].reindex(every)
            own[f"{mod}:{name}"] = column
            bare[name] = _joined(bare[name], column) if name in bare else column
    agreed = {name: column for name, column in bare.items() if column is not None}
    return {**agreed, **own, **found}


def _joined(one: pd.Series | None, other: pd.Series) -> pd.Series | None:
    """What two blocks say of cells; None where they contradict each other."""
    if one is None:
        return None
    first, second = one.astype(object), other.astype(object)
    both = first.notna() & second.notna()
    return None if (first[both] != second[both]).any() else first.where(first.notna(), second)


def has_any(values: Any) -> np.ndarray:
    """Which cells have anything but zeros."""
    if scipy.sparse.issparse(values):
        return np.asarray(abs(values).sum(1)).reshape(-1) > 0
    return (np.nan_to_num(values.reshape(len(values), -1)) != 0).any(1)
