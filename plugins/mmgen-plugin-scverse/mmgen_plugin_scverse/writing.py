"""Latents and imputed values into AnnData and MuData objects, and these into files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from mmgen import MmgenError

from .annotated import Annotated
from .columns import OBS_NAMES
from .layers import Cells, names_of, object_of, place_imputed, place_latents
from .objects import as_later, joined, write_object

KEY = "X_mmgen"
LAYER = "imputed"
ENDINGS = (".h5ad", ".h5mu", ".zarr")


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
    other = run.on(data)
    encoding = other.encoding(given=given, split="all")
    place_latents(data, encoding, names_of(encoding.columns, source_of_run(other)), key)
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
    source = source_of_run(other)
    assert source is not None
    return place_imputed(data, source, imputation, layer)


def write_cells(data: Cells, path: str | Path) -> None:
    """Write an object into an ``.h5ad`` or ``.h5mu`` file or a ``.zarr`` folder, whole or not at all.

    The objects' own ``write`` fails in anndata 0.12 at the strings of pandas 3. Columns and indices of such strings are
    Python objects in ``data`` afterwards, which compare as before.

    Args:
        data: Cells; an AnnData object becomes a MuData object of one modality ``cells`` in an ``.h5mu`` file.
        path: Of the file or folder; what is there is replaced.

    Raises:
        MmgenError: Another ending, or several modalities for an ``.h5ad`` file.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise MmgenError(f"{str(path)!r} ends in none of {', '.join(ENDINGS)}, by which the format is known.")
    if isinstance(data, MuData) and path.suffix == ".h5ad":
        raise MmgenError(f"{str(path)!r}: {len(data.mod)} modalities need a file of several matrices, .h5mu or .zarr.")
    if path.suffix == ".h5mu" and isinstance(data, AnnData):
        data = joined({"cells": data})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        write_object(data, temporary)
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)


def write_latents(path: Path, run: Any, encoding: Any) -> None:
    """The cells of a run's data, as far as they were encoded, with the latents in ``obsm``."""
    source = source_of_run(run)
    names = names_of(encoding.columns, source)
    cells = None if source is None else source.original()
    if cells is None or (isinstance(cells, MuData) and path.suffix == ".h5ad"):
        about = {name: column for name, column in encoding.columns.items() if name not in ("row", "id", OBS_NAMES)}
        cells = AnnData(obs=pd.DataFrame(about, index=names))
    else:
        cells = _some(cells, names)
    place_latents(cells, encoding, names, KEY)
    write_cells(cells, path)


def write_imputed(path: Path, run: Any, imputation: Any) -> None:
    """The cells of a run's data with a layer of complete values in every modality."""
    source = source_of_run(run)
    if source is None:
        cells = object_of(imputation)
    else:
        cells = _some(source.original(), names_of(imputation.about, source))
        cells = place_imputed(cells, source, imputation, LAYER)
    write_cells(cells, path)


# What a run reads, and files ------------------------------------------------------------------------------------------


def source_of_run(run: Any) -> Annotated | None:
    """What the run reads, where that is an annotated object."""
    source = run.data.dataset.open() if hasattr(run.data.dataset, "open") else None
    return source if isinstance(source, Annotated) else None


def _some(cells: Cells, names: Sequence[str]) -> Cells:
    with as_later():
        return cells[np.array(names, dtype=object)].copy()
