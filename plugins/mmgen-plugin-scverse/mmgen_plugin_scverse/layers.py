"""Where latents and imputed values go in an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData
from mudata import MuData

from .annotated import Annotated
from .columns import OBS_NAMES
from .objects import as_later, joined

SPARSE = 0.25  # share of values that are not 0, up to which a layer is sparse: then it takes half the memory or less
Cells = TypeVar("Cells", AnnData, MuData)


def names_of(about: Mapping[str, Any], source: Annotated | None) -> list[str]:
    """What rows are called: by the object that has them, else their ids, else their numbers."""
    if source is not None:
        cells = source.cells(OBS_NAMES)
        return [str(cells[row]) for row in about["row"]]
    return [str(name) for name in (about["id"] if "id" in about else about["row"])]


def place_latents(cells: AnnData | MuData, encoding: Any, names: Sequence[str], key: str) -> None:
    """Write latents of rows that are called ``names`` into ``obsm``, NaN where nothing was given."""
    place = pd.Index(names).get_indexer(cells.obs_names.astype(str))
    lacking = np.asarray(encoding.columns["given"]) == ""
    for name, moments in ((key, encoding.mean), (f"{key}_scale", encoding.scale)):
        values = np.where(lacking[:, None], np.nan, moments)
        whole = np.concatenate([values, np.full((1, values.shape[1]), np.nan, values.dtype)])[place]
        cells.obsm[name] = whole
        for mod in cells.mod.values() if isinstance(cells, MuData) else ():
            mod.obsm[name] = whole[cells.obs_names.get_indexer(mod.obs_names)]


def place_imputed(cells: Cells, source: Annotated, imputation: Any, layer: str) -> Cells:
    """Write complete values into a layer of every modality, which has all cells then."""
    arrays = {name: fields["array"] for name, fields in source.described().items()}
    names = pd.Index(names_of(imputation.about, source))
    if isinstance(cells, AnnData):
        parts = [(completed, completed.modality.columns) for completed in imputation.modalities]
        cells.layers[layer] = _layer(cells, parts, names)
        return cells
    mods = dict(cells.mod)
    for completed in imputation.modalities:
        mod = arrays.get(completed.name, completed.name).split("/")[0]
        if mod in mods:
            mods[mod] = _with_all_cells(mods[mod], cells.obs_names, source)
            mods[mod].layers[layer] = _layer(mods[mod], [(completed, completed.modality.columns)], names)
    whole = joined(mods)
    with as_later():
        whole.obs = cells.obs.reindex(whole.obs_names)
        for key in cells.obsm:
            if key not in cells.mod:
                whole.obsm[key] = np.asarray(cells.obsm[key])[cells.obs_names.get_indexer(whole.obs_names)]
        whole.uns.update(cells.uns)
    return whole


def _with_all_cells(mod: AnnData, every: pd.Index, source: Annotated) -> AnnData:
    """A modality with all cells, of which those that were not measured have zeros (of sparse matrices) or NaN, and in
    ``obs`` what other modalities say of them.
    """
    if len(mod) == len(every):
        return mod[every].copy()
    place = mod.obs_names.get_indexer(every)

    def spread(values: Any) -> Any:
        if scipy.sparse.issparse(values):
            empty = scipy.sparse.csr_matrix((1, values.shape[1]), dtype=values.dtype)
            return scipy.sparse.vstack([scipy.sparse.csr_matrix(values), empty], format="csr")[place]
        values = np.asarray(values)
        values = values if values.dtype.kind == "f" else values.astype(np.float32)
        return np.concatenate([values, np.full((1, *values.shape[1:]), np.nan, values.dtype)])[place]

    obs = mod.obs.reindex(every)
    for name in obs:
        if name in source.position and len(source.blocks) > 1 and obs[name].isna().any():
            known = pd.Series(source.cells(name), source.cells(OBS_NAMES), dtype=object).reindex(every)
            filled = obs[name].astype(object).where(obs[name].notna(), known)
            obs[name] = _as_before(filled, obs[name].dtype)
    obs["measured"] = place >= 0
    whole = AnnData(None if mod.X is None else spread(mod.X), obs, mod.var.copy(), dict(mod.uns), varm=dict(mod.varm))
    for name in mod.layers:
        whole.layers[name] = spread(mod.layers[name])
    for name in mod.obsm:
        values = mod.obsm[name]
        whole.obsm[name] = values.reindex(every) if isinstance(values, pd.DataFrame) else spread(values)
    return whole


def _as_before(filled: pd.Series, dtype: Any) -> pd.Series:
    """Values of a column whose type was another one before it was filled; categories that only other modalities have
    come behind its own.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        others = [value for value in filled.dropna().unique() if value not in dtype.categories]
        return filled.astype(pd.CategoricalDtype([*dtype.categories, *others], dtype.ordered))
    return filled.astype(dtype) if filled.notna().all() else filled


def _layer(cells: AnnData, parts: Sequence[tuple[Any, Sequence[str]]], names: pd.Index) -> Any:
    """Complete values ``[n, V]`` of all variables, NaN of those that no modality has; sparse where most are zero."""
    place = names.get_indexer(cells.obs_names.astype(str))
    have = place >= 0
    values = np.full(cells.shape, np.nan, dtype=np.float32)
    for completed, columns in parts:
        at = cells.var_names.get_indexer(list(columns))
        if len(columns) != completed.empty.shape[1] or (at < 0).any():
            continue  # of another matrix, such as one of obsm
        source = completed.modality.in_source_units(completed.values).reshape(len(completed.values), -1)
        known = np.where(completed.empty, np.nan, source).astype(np.float32)
        values[np.ix_(have, at)] = known[place[have]]
    return scipy.sparse.csr_matrix(values) if np.count_nonzero(values) < SPARSE * values.size else values


def object_of(imputation: Any) -> AnnData | MuData:
    """Objects of rows that come from something else: complete values are X, and which are imputed a layer."""
    names = names_of(imputation.about, None)
    mods = {}
    for completed in imputation.modalities:
        columns = completed.modality.value_names(completed.name)
        values = completed.modality.in_source_units(completed.values).reshape(len(names), -1)
        if values.shape[1] != len(columns):
            continue  # a text, which no matrix holds
        values = np.where(completed.empty, np.nan, values).astype(np.float32)
        obs, var = pd.DataFrame(index=names), pd.DataFrame(index=columns)
        mods[completed.name] = AnnData(values, obs, var, layers={"was_imputed": completed.filled})
    return next(iter(mods.values())) if len(mods) == 1 else joined(mods)
