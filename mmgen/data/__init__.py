"""Batches, the memory-mapped table, splits, modalities and datasets."""

from .apart import check_hdf5
from .batch import Batch
from .columns import Columns
from .compressed import read_gzip
from .dataset import Dataset, DatasetConfig, Folder, Splits
from .identity import Identity
from .indexed import Indexed
from .likelihood_choice import LikelihoodChoice, make_likelihood
from .loading import Data, load_dataset, make_dataset, open_dataset
from .matlab import read_matlab
from .modalities import (
    CountsModality,
    ImageModality,
    LabelsModality,
    MixedModality,
    TagsModality,
    TextModality,
    VectorModality,
)
from .modality import Modality
from .npy import check_npz, read_npy
from .own_table.dialect import Reading
from .own_table.file_source import FileSource
from .own_table.numerals import NumberError
from .own_table.source import Source
from .progress import track
from .provenance import Provenance
from .recognition import Recognised, Sides
from .rendering import Rendering, side_by_side
from .schema import Schema
from .sparse import Sparse
from .splitting import split_rows
from .table import Table

__all__ = [
    "Batch",
    "Columns",
    "CountsModality",
    "Data",
    "Dataset",
    "DatasetConfig",
    "FileSource",
    "Folder",
    "Identity",
    "ImageModality",
    "Indexed",
    "LabelsModality",
    "LikelihoodChoice",
    "MixedModality",
    "Modality",
    "NumberError",
    "Provenance",
    "Reading",
    "Recognised",
    "Rendering",
    "Schema",
    "Sides",
    "Source",
    "Sparse",
    "Splits",
    "Table",
    "TagsModality",
    "TextModality",
    "VectorModality",
    "check_hdf5",
    "check_npz",
    "load_dataset",
    "make_dataset",
    "make_likelihood",
    "open_dataset",
    "read_gzip",
    "read_matlab",
    "read_npy",
    "side_by_side",
    "split_rows",
    "track",
]
