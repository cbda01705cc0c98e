"""Latents and imputed values into AnnData and MuData objects, and these into files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData
from mudata import MuData

from mmgen import MmgenError

from .annotated import OBS_NAMES, Annotated
from .objects import as_later, joined, write_object

KEY = "X_mmgen"
LAYER = "imputed"
SPARSE = 0.25  # share of values that are not 0, up to which a layer is sparse: then it takes half the memory or less
Cells = TypeVar("Cells", AnnData, MuData)


def add_latents(data: Cells, run: Any, key: str = KEY, *, given: Sequence[str] | None = None) -> Cells:
    """Write the latents of all cells into ``data.obsm[key]``, and their standard deviations into ``obsm[key +
    "_scale"]``; of a MuData object also those of each modality's cells into its own.

    Args:
        data: Cells, of the run or new ones, which the run reads by the names of variables.
        run: The run.
        key: In ``obsm``.
        given: Modalities to infer from; what each cell has by default. Cells that have none of them are NaN.

    Returns:
        The same object.

    Raises:
        MmgenError: Cells that the run cannot read.
    """
    _place_latents(data, run.on(data).encoding(given=given, split="all"), key)
    return data


def add_imputed(
    data: Cells, run: Any, layer: str = LAYER, *, given: Sequence[str] | None = None, draws: int = 50, seed: int = 0
) -> Cells:
    """Write complete values into a layer of every modality: what was measured as it is, the rest imputed.

    A MuData object has in every modality the cells that were measured there. Cells that lack a modality are added to
    it, with NaN or zeros for X and imputed values in the layer, so that the object is another one than was given.

    Args:
        data: Cells, of the run or new ones.
        run: The run.
        layer: Its name.
        given: Modalities to infer from; what each cell has by default.
        draws: Over which imputed values are means.
        seed: Of the draws.

    Returns:
        The same AnnData object; of a MuData object a new one where cells were added.

    Raises:
        MmgenError: Cells that the run cannot read.
    """
    other = run.on(data)
    imputation = other.imputation(given=given, split="all", draws=draws, seed=seed)
    return _place_imputed(data, _source(other), imputation, layer)


def write_latents(path: Path, run: Any, encoding: Any) -> None:
    """The cells of a run's data, as far as they were encoded, with the latents in ``obsm``."""
    source = _source(run)
    cells = _original(source)
    rows = np.asarray(encoding.columns["row"])
    if isinstance(cells, MuData) and path.suffix != ".h5mu":
        cells = None if path.suffix == ".h5ad" else cells
    if cells is None:
        about = {name: column for name, column in encoding.columns.items() if name not in ("row", "id")}
        cells = AnnData(obs=pd.DataFrame(about, index=_names(encoding.columns)))
    else:
        cells = _some(cells, _cell_names(source, cells)[rows])
    _place_latents(cells, encoding, KEY)
    _write(cells, path)


def write_imputed(path: Path, run: Any, imputation: Any) -> None:
    """The cells of a run's data with a layer of complete values in every modality."""
    source = _source(run)
    cells = _original(source)
    if cells is None:
        cells = _of_table(imputation)
    else:
        rows = np.asarray(imputation.about["row"])
        cells = _place_imputed(_some(cells, _cell_names(source, cells)[rows]), source, imputation, LAYER)
    if isinstance(cells, MuData) and path.suffix == ".h5ad":
        raise MmgenError(
            f"--out {str(path)!r}: {len(cells.mod)} modalities need a file of several matrices, .h5mu or .zarr."
        )
    _write(cells, path)


# Where things go ------------------------------------------------------------------------------------------------------


def _place_latents(cells: AnnData | MuData, encoding: Any, key: str) -> None:
    place = pd.Index(_names(encoding.columns)).get_indexer(cells.obs_names.astype(str))
    lacking = np.asarray(encoding.columns["given"]) == 0
    for name, moments in ((key, encoding.mean), (f"{key}_scale", encoding.scale)):
        values = np.where(lacking[:, None], np.nan, moments)
        whole = np.concatenate([values, np.full((1, values.shape[1]), np.nan, values.dtype)])[place]
        cells.obsm[name] = whole
        for mod in cells.mod.values() if isinstance(cells, MuData) else ():
            mod.obsm[name] = whole[cells.obs_names.get_indexer(mod.obs_names)]


def _place_imputed(cells: Cells, source: Annotated | None, imputation: Any, layer: str) -> Cells:
    assert source is not None
    arrays = {name: fields["array"] for name, fields in source.described().items()}
    names = pd.Index(_names(imputation.about))
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
            obs[name] = filled.astype(obs[name].dtype) if filled.notna().all() else filled
    obs["measured"] = place >= 0
    whole = AnnData(None if mod.X is None else spread(mod.X), obs, mod.var.copy(), uns=dict(mod.uns))
    for name in mod.layers:
        whole.layers[name] = spread(mod.layers[name])
    for name in mod.obsm:
        if isinstance(mod.obsm[name], np.ndarray):
            whole.obsm[name] = spread(mod.obsm[name])
    return whole


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


def _of_table(imputation: Any) -> AnnData | MuData:
    """Objects of rows that come from something else: complete values are X, and which are imputed a layer."""
    names = _names(imputation.about)
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


# What a run reads -----------------------------------------------------------------------------------------------------


def _source(run: Any) -> Annotated | None:
    """What the run reads, where that is an annotated object."""
    source = run.data.dataset.open() if hasattr(run.data.dataset, "open") else None
    return source if isinstance(source, Annotated) else None


def _some(cells: Cells, names: np.ndarray) -> Cells:
    with as_later():
        return cells[names].copy()


def _original(source: Annotated | None) -> Any:
    return None if source is None else source.original()


def _cell_names(source: Annotated | None, cells: AnnData | MuData) -> np.ndarray:
    """Of every row of the source; a file has no others than its cells."""
    assert source is not None
    names = np.array(source.cells(OBS_NAMES), dtype=object)
    known = set(cells.obs_names)
    return np.array([name for name in names if name in known], dtype=object)


def _names(about: Any) -> list[str]:
    """What rows are called: their ids, else their numbers."""
    return [str(name) for name in (about["id"] if "id" in about else about["row"])]


# Files ----------------------------------------------------------------------------------------------------------------


def _write(cells: AnnData | MuData, path: Path) -> None:
    """Write an object whole or not at all."""
    if path.suffix == ".h5mu" and isinstance(cells, AnnData):
        cells = joined({"cells": cells})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        write_object(cells, temporary)
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
