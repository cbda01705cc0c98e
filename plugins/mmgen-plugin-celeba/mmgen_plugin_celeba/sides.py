"""What both datasets do with the files: find, download or draw them, and read the images of every side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmgen import DataError, Provenance, Table, split_rows

from .attributes import ATTRIBUTES
from .config import FacesConfig
from .files import MARKER, PAGE, Files, download, find_files, is_there
from .lists import read_attributes, read_partition
from .pictures import read_images
from .standin import write_drawings

SIDES = {2: {"train": 0, "val": 1, "test": 2}, 1: {"train": 0, "test": 1}}


def files_of(config: FacesConfig) -> list[Path]:
    """The lists and the folder of the images; none before they are downloaded."""
    if config.root is None or (config.download and not is_there(config.root)):
        return []
    files = find_files(config.root)
    marker = files.attributes.with_name(MARKER)
    return [files.attributes, files.partition, files.images, marker]


@contextmanager
def opened(config: FacesConfig) -> Iterator[tuple[Files, str]]:
    """The files, downloaded if wanted or drawn into a temporary folder, and where they are from."""
    if config.root is not None:
        if config.download:
            download(config.root)
        yield find_files(config.root), str(config.root)
        return
    with tempfile.TemporaryDirectory(prefix="mmgen-celeba-") as folder:
        write_drawings(Path(folder, "celeba"), config.count, config.seed)
        yield find_files(Path(folder)), "mmgen_plugin_celeba.drawing"


@dataclass(frozen=True)
class Lists:
    """Names of the images and their line in the list of attributes; attributes ``[N, 40]``; partitions ``[N]``."""

    images: dict[str, int]
    present: np.ndarray
    partition: np.ndarray


def read_lists(files: Files) -> Lists:
    """The lists of attributes and of partitions, checked against each other."""
    images, present = read_attributes(files.attributes)
    return Lists(images, present, read_partition(files.partition, images, files.attributes))


def read_sides(
    files: Files,
    config: FacesConfig,
    lists: Lists,
    beside: Mapping[str, Tensor],
    labels: Tensor,
    crop: int,
) -> dict[str, Table]:
    """The tables of the three sides.

    Args:
        files: Where the images are.
        config: Of the dataset.
        lists: All images.
        beside: The other modality of all images, ``[N, …]``.
        labels: Attributes of all images, ``[N, answers]``.
        crop: See :func:`.pictures.read_image`.
    """
    names, tables = list(lists.images), {}
    for side, number in SIDES[config.test_partition].items():
        rows = np.flatnonzero(lists.partition == number)[: config.max_rows]
        if len(rows) == 0:
            raise DataError(
                f"{files.partition} puts no image into partition {number}, which is needed for the {side} split."
            )
        pixels = read_images(files.images, [names[row] for row in rows], files.attributes, crop)
        chosen = torch.from_numpy(rows)
        tables[side] = Table.of(
            {"image": torch.from_numpy(pixels), **{name: values[chosen] for name, values in beside.items()}},
            labels={"attributes": labels[chosen]},
            rows=chosen,
        )
    if config.test_partition == 1:
        cut = split_rows(len(tables["train"]), test=0, val=0.1, seed=config.seed)
        tables |= {side: tables["train"].select(torch.from_numpy(cut[side])) for side in ("val", "train")}
    return tables


def provenance_of(files: Files, source: str, tables: Mapping[str, Table], what: str, config: FacesConfig) -> Provenance:
    """Real images or drawings, with ``what`` beside them."""
    sizes = "/".join(f"{len(tables[side]):,}" for side in ("train", "val", "test"))
    parity = (
        "; tested on partition 1, CelebA's validation images, as published results are"
        if config.test_partition == 1
        else ""
    )
    if files.stand_in:
        return Provenance(
            "stand-in",
            f"{sizes} parametric drawings of faces with {what}, not photographs, in the layout of CelebA{parity}.",
            source,
        )
    return Provenance("real", f"{sizes} images of CelebA with {what} ({PAGE}){parity}.", source)


def answers(present: np.ndarray, kept: tuple[str, ...]) -> Tensor:
    """The attributes ``kept`` as int64 ``[N, answers]``."""
    return torch.from_numpy(present[:, [ATTRIBUTES.index(name) for name in kept]].astype(np.int64))
