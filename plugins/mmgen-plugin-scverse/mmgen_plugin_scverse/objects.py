"""AnnData and MuData objects as the versions of these packages that there are make and write them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import mudata
import pandas as pd
from anndata import AnnData
from mudata import MuData


def as_later() -> AbstractContextManager[object]:
    """Within it objects behave as from mudata 0.4 on, and no warning says that they will: columns of ``obs`` stay with
    their modality.
    """
    options: AbstractContextManager[object] = mudata.set_options(pull_on_update=False)
    return options


def joined(mods: Mapping[str, AnnData]) -> MuData:
    """An object of several modalities."""
    with as_later():
        return MuData(dict(mods))


def write_object(cells: AnnData | MuData, path: Path) -> None:
    """Write an object to a path that ends in ``.h5ad``, ``.h5mu`` or ``.zarr``."""
    with as_later():
        plain_words(cells)
        if path.suffix == ".zarr":
            cells.write_zarr(path)
        elif isinstance(cells, MuData):
            cells.write(path)
        else:
            cells.write_h5ad(path)


def plain_words(cells: AnnData | MuData) -> None:
    """Make Python objects of the words in an object: anndata writes no columns of the strings that pandas 3 has."""
    for each in (cells, *(cells.mod.values() if isinstance(cells, MuData) else ())):
        each.obs, each.var = _with_objects(each.obs), _with_objects(each.var)
        if isinstance(each, AnnData) and each.raw is not None:
            each.raw = AnnData(each.raw.X, each.obs[[]], _with_objects(each.raw.var))


def _with_objects(frame: pd.DataFrame) -> pd.DataFrame:
    changed = frame.set_axis(pd.Index(frame.index.astype(str), dtype=object, name=frame.index.name))
    for name in frame:
        column = changed[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            if isinstance(column.cat.categories.dtype, pd.StringDtype):
                words = pd.Index(column.cat.categories, dtype=object)
                changed[name] = pd.Categorical.from_codes(column.cat.codes, words, column.cat.ordered)
        elif isinstance(column.dtype, pd.StringDtype):
            changed[name] = column.astype(object)
    return changed
