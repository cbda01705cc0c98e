"""The formats h5ad, h5mu and zarr, and the objects that they hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Self

import anndata
import h5py
import mudata
import pandas as pd
import zarr
from anndata import AnnData
from anndata.io import write_elem
from mudata import MuData

from mmgen import DataError, Reading, Source
from mmgen.data import check_hdf5

from .annotated import Annotated
from .block import Block, Group, block_of_one, blocks_of_several, of_object
from .objects import as_later, plain_words, write_object
from .toys import toy_cells, toy_several
from .writing import write_imputed, write_latents


class AnnotatedFile(Annotated):
    """A file or folder of one of the formats, or an object in memory.

    Attributes:
        path: None where there is none.
    """

    describes_itself = True
    writes = ("latents", "imputed")
    words: ClassVar[str]  # what the format holds

    def __init__(
        self,
        title: str,
        blocks: Mapping[str, Block],
        obs: pd.DataFrame | None,
        path: Path | None,
        load: Callable[[], AnnData | MuData],
    ) -> None:
        super().__init__(title, blocks, obs)
        self.path = path
        self._load = load

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:  # options of text files
        """The names of cells, variables and matrices, and what is known of every cell; matrices are read later."""
        try:
            cls._check_file(path)
            with cls._opened(path) as file:
                is_several = "mod" in file
                cls._refuse_others(path, file)
            make = blocks_of_several if is_several else block_of_one
            blocks, obs = make(lambda: cls._opened(path), path.name)
        except DataError:
            raise
        except Exception as error:  # whatever the readers make of a damaged file
            raise DataError(
                f"{path} cannot be read as {cls.words}; it is truncated, damaged, or something else "
                f"({type(error).__name__})."
            ) from error
        return cls(path.name, blocks, obs, path, lambda: cls._whole(path, is_several))

    @classmethod
    @abstractmethod
    def _opened(cls, path: Path) -> AbstractContextManager[Group]:
        """The file, to read from."""

    @classmethod
    def _check_file(cls, path: Path) -> None:
        """Raise what is wrong with a file that could end the process of whoever reads it."""

    @classmethod
    @abstractmethod
    def _whole(cls, path: Path, is_several: bool) -> AnnData | MuData:
        """Everything in it."""

    @classmethod
    def _refuse_others(cls, path: Path, file: Group) -> None:
        """Refuse what is no such object."""
        if "mod" not in file and not ("obs" in file and "var" in file):
            raise DataError(f"{path} holds no AnnData or MuData object: it has no obs and var.")
        if "mod" in file and int(dict(file.attrs).get("axis", 0)) == 1:
            raise DataError(f"The modalities of {path} share variables, and not cells (axis 1); cells are needed.")

    @classmethod
    def of_object(cls, data: Any) -> Source | None:
        """An AnnData or MuData object as a source; None where it is neither."""
        return source_of(data)

    def original(self) -> AnnData | MuData:
        """All of the file, or a copy of the object."""
        with as_later():
            return self._load()

    @classmethod
    def write_latents(cls, path: Path, run: Any, encoding: Any) -> None:
        """The cells of the run's data with latents in ``obsm``."""
        write_latents(path, run, encoding)

    @classmethod
    def write_imputed(cls, path: Path, run: Any, imputation: Any) -> None:
        """The cells of the run's data with a layer of complete values in every modality."""
        write_imputed(path, run, imputation)


class H5adFile(AnnotatedFile):
    """An AnnData object in HDF5."""

    words = "an AnnData object (h5ad)"

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight cells of five genes."""
        path = folder / "toy.h5ad"
        write_object(toy_cells(), path)
        return path

    @classmethod
    def _check_file(cls, path: Path) -> None:
        check_hdf5(path)

    @classmethod
    def _opened(cls, path: Path) -> AbstractContextManager[Group]:
        file: AbstractContextManager[Group] = h5py.File(path, "r")
        return file

    @classmethod
    def _whole(cls, path: Path, is_several: bool) -> AnnData | MuData:
        return mudata.read_h5mu(path) if is_several else anndata.read_h5ad(path)


class H5muFile(H5adFile):
    """A MuData object in HDF5."""

    words = "a MuData object (h5mu)"

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight cells, of which six have genes and six peaks."""
        path = folder / "toy.h5mu"
        write_object(toy_several(), path)
        return path


class ZarrFolder(AnnotatedFile):
    """An AnnData or MuData object in a Zarr folder."""

    words = "an AnnData or MuData object in Zarr"

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight cells of five genes."""
        path = folder / "toy.zarr"
        cells = toy_cells()
        plain_words(cells)
        # not compressed: of a damaged frame of words it would be chance how many numcodecs makes room for
        write_elem(zarr.open_group(path, mode="w", zarr_format=2), "/", cells, dataset_kwargs={"compressors": None})
        return path

    @classmethod
    def _opened(cls, path: Path) -> AbstractContextManager[Group]:
        return nullcontext(zarr.open_group(path, mode="r"))

    @classmethod
    def _whole(cls, path: Path, is_several: bool) -> AnnData | MuData:
        return mudata.read_zarr(path) if is_several else anndata.read_zarr(path)


def source_of(data: Any) -> Annotated | None:
    """An AnnData or MuData object as a source; None where it is neither."""
    if isinstance(data, AnnData):
        title = "the AnnData object"
        return H5adFile(title, {"": of_object(data, title)}, None, None, lambda: _copied(data))
    if isinstance(data, MuData):
        title = "the MuData object"
        if data.axis == 1:
            raise DataError("The modalities of the MuData object share variables, and not cells (axis 1).")
        blocks = {name: of_object(mod, f"the modality {name!r}") for name, mod in data.mod.items()}
        return H5muFile(title, blocks, data.obs, None, lambda: data.copy())
    return None


def _copied(data: AnnData) -> AnnData:
    return data.to_memory() if data.isbacked else data.copy()
