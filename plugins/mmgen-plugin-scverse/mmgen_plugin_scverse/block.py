"""One block of cells: what an AnnData object has, in memory or in a file of which only what is asked for is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData
from anndata.io import read_elem

from mmgen import DataError

ORDER = "mod-order"  # in which a MuData file has its modalities
FEATURE_TYPES = "feature_types"  # the column of var in which 10x files say what a variable is
Group = Any  # of HDF5 or Zarr
Opener = Callable[[], AbstractContextManager[Group]]


@dataclass(frozen=True)
class Matrix:
    """Numbers of every cell of a block.

    Attributes:
        read: Gives a dense array ``[n, W]`` or a sparse matrix.
        names: What the values are called, ``W``; none where nothing names them.
        columns: Those of what ``read`` gives that count; None: all.
    """

    read: Callable[[], Any]
    names: tuple[str, ...] = ()
    columns: np.ndarray | None = None

    def values(self) -> np.ndarray | scipy.sparse.csr_array:
        """Dense, or in compressed rows."""
        values = self.read()
        if hasattr(values, "to_memory"):  # of a backed object
            values = values.to_memory()
        if isinstance(values, pd.DataFrame):
            values = values.to_numpy()
        if scipy.sparse.issparse(values):
            if values.format in ("csr", "csc"):
                _check_places(values)
            values = scipy.sparse.csr_array(values)
        else:
            values = np.asarray(values)
        return values if self.columns is None else values[:, self.columns]


@dataclass(frozen=True)
class Block:
    """The cells of one AnnData object.

    Attributes:
        obs: What is known of every cell, indexed by its name.
        var_names: Of the variables.
        types: Of every variable, where a file of 10x says it; empty otherwise.
        matrices: ``X``, ``layers/NAME``, ``obsm/NAME`` and ``raw/X``; those of the variables also by type, such as
            ``X/Peaks``, where there are several types.
    """

    obs: pd.DataFrame
    var_names: tuple[str, ...]
    types: tuple[str, ...] = ()
    matrices: dict[str, Matrix] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is a matrix."""
        return name in self.matrices


def of_object(data: AnnData, title: str) -> Block:
    """The block of an object."""
    found = {} if data.X is None else {"X": Matrix(lambda: data.X, tuple(data.var_names))}
    for name in data.layers:
        found[f"layers/{name}"] = Matrix(partial(data.layers.__getitem__, name), tuple(data.var_names))
    for name in data.obsm:
        values = data.obsm[name]
        if isinstance(values, pd.DataFrame | np.ndarray) or scipy.sparse.issparse(values):
            names = tuple(map(str, values.columns)) if isinstance(values, pd.DataFrame) else ()
            found[f"obsm/{name}"] = Matrix(partial(data.obsm.__getitem__, name), names)
    if data.raw is not None:
        found["raw/X"] = Matrix(lambda: data.raw.X, tuple(data.raw.var_names))
    return _complete(data.obs, data.var, found, title)


def of_group(opener: Opener, path: str, title: str) -> Block:
    """The block at a place in a file.

    Args:
        opener: Opens the file.
        path: Of the object in it; empty for the file itself.
        title: Of both, for messages.
    """

    def reader(place: str) -> Callable[[], Any]:
        def read() -> Any:
            with opener() as file:
                return read_elem(_at(file, path)[place])

        return read

    with opener() as file:
        group = _at(file, path)
        obs, var = read_elem(group["obs"]), read_elem(group["var"])
        names = tuple(map(str, var.index))
        found = {"X": Matrix(reader("X"), names)} if "X" in group and _encoding(group["X"]) != "null" else {}
        for place in _members(group, "layers"):
            found[place] = Matrix(reader(place), names)
        for place in _members(group, "obsm"):
            kind = _encoding(group[place])
            if kind == "dataframe":
                found[place] = Matrix(reader(place), tuple(map(str, read_elem(group[place]).columns)))
            elif kind in ("array", "csr_matrix", "csc_matrix"):
                found[place] = Matrix(reader(place))
        if "raw" in group and "X" in group["raw"]:
            found["raw/X"] = Matrix(reader("raw/X"), tuple(map(str, read_elem(group["raw/var"]).index)))
    return _complete(obs, var, found, title)


def _check_places(matrix: Any) -> None:
    """Refuse a matrix of a damaged file, in which places are beyond its rows: SciPy would read other memory."""
    starts, width = matrix.indptr, matrix.shape[1 if matrix.format == "csr" else 0]
    whole = starts[0] == 0 and bool((np.diff(starts) >= 0).all()) and starts[-1] <= len(matrix.indices)
    if not whole or (len(matrix.indices) and not 0 <= matrix.indices.min() <= matrix.indices.max() < width):
        raise ValueError("its places are not those of a sparse matrix")


def _at(file: Group, path: str) -> Group:
    return file[path] if path else file


def _members(group: Group, name: str) -> Iterator[str]:
    if name in group:
        yield from (f"{name}/{member}" for member in sorted(group[name].keys()))


def _encoding(element: Group) -> str:
    return str(dict(element.attrs).get("encoding-type", "array"))


def _complete(obs: pd.DataFrame, var: pd.DataFrame, matrices: dict[str, Matrix], title: str) -> Block:
    """With matrices by type; names that are there twice are an error."""
    obs, names = obs.set_axis(obs.index.astype(str)), tuple(map(str, var.index))
    for unit, words, remedy in (("obs_names", obs.index, "obs_names_make_unique()"), ("var_names", names, "")):
        twice = next((word for word, times in Counter(words).items() if times > 1), None)
        if twice is not None:
            raise DataError(
                f"The {unit} of {title} hold {twice!r} twice; every one names one "
                f"{'cell' if unit == 'obs_names' else 'variable'}: "
                f"write {remedy or 'var_names_make_unique()'} of the object first."
            )
    types = tuple(map(str, var[FEATURE_TYPES])) if FEATURE_TYPES in var else ()
    found = dict(matrices)
    if len(set(types)) > 1:
        for place, matrix in matrices.items():
            if matrix.names == names:
                for each in dict.fromkeys(types):
                    columns = np.flatnonzero(np.array(types) == each)
                    found[f"{place}/{each}"] = Matrix(matrix.read, tuple(names[i] for i in columns), columns)
    else:
        types = ()
    return Block(obs, names, types, found)


def block_of_one(opener: Callable[[], Any], title: str) -> tuple[dict[str, Block], None]:
    """The cells of an AnnData file, which opens."""
    return {"": of_group(opener, "", title)}, None


def blocks_of_several(opener: Callable[[], Any], title: str) -> tuple[dict[str, Block], pd.DataFrame]:
    """The modalities of a MuData file, which opens, in its order, and what it says of all cells."""
    with opener() as file:
        names, obs = list(file["mod"].keys()), read_elem(file["obs"])
        order = [str(name) for name in dict(file["mod"].attrs).get(ORDER, names)]
    blocks = {name: of_group(opener, f"mod/{name}", f"{name!r} in {title}") for name in order if name in names}
    return blocks, obs
