"""Finding and reading the official images, in either layout, and fetching them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmgen import DataError, MmgenError, split_rows
from mmgen.errors import first_line
from mmgen_plugin_vision import torchvision

from .construction import interleave_classes
from .png_files import PngFolder
from .tensor_files import TensorFolder

URL = "https://zenodo.org/record/4899160/files/PolyMNIST.zip"
LAYOUTS = (PngFolder, TensorFolder)


@dataclass(frozen=True)
class Tuples:
    """Tuples of one side of the split.

    Attributes:
        images: One uint8 array ``[N, 3, 28, 28]`` per modality.
        digits: ``[N]``.
    """

    images: list[np.ndarray]
    digits: np.ndarray


def folder_names(scale: float | None) -> tuple[str, ...]:
    """What the released archives and generators call their folder; ``scale`` is that of the translated images."""
    if scale is None:
        return "PolyMNIST", "MMNIST"
    percent = int(100 * scale)  # truncated, as the generators do it
    return f"PolyMNIST_translated_scale{percent:03d}", f"Translated_MMNIST_scale_{percent}_translated_True"


def find_official(root: Path, names: Sequence[str], modalities: int) -> PngFolder | TensorFolder | None:
    """The images in ``root`` or in a folder of it with one of these names; None where there are none."""
    for folder in (root, *(root / name for name in names)):
        for layout in LAYOUTS:
            if layout.is_layout(folder):
                return layout(folder, modalities)
    return None


def open_official(root: Path, names: Sequence[str], modalities: int) -> PngFolder | TensorFolder:
    """The same; none is a sentence."""
    images_folder = find_official(root, names, modalities)
    if images_folder is None:
        problem = "holds no official images" if root.is_dir() else "does not exist"
        raise DataError(
            f"dataset.root: {root} {problem}; train/m0/INDEX.DIGIT.png … or train/m0.pt … with train/labels.pt (and "
            f"the same in test) belong there, or into a folder {' or '.join(names)} in it."
        )
    return images_folder


def read_official(
    folder: PngFolder | TensorFolder, val_fraction: float, limit: int | None, seed: int
) -> dict[str, Tuples]:
    """All sides, in each of which the digits take turns.

    Validation is cut from the training tuples, a share of each digit.
    """
    sides: dict[str, Tuples] = {}
    for split, share, names in (("train", val_fraction, ("train", "val")), ("test", 0.0, ("test",))):
        digits = folder.digits(split)
        sides_rows = split_rows(len(digits), test=0, val=share, seed=seed, strata=digits)
        rows = [
            members[interleave_classes(digits[members])][:limit] for members in (sides_rows["train"], sides_rows["val"])
        ]
        images = [folder.images(split, m, np.concatenate(rows)) for m in range(folder.modalities)]
        _check_different(folder.root / split, images)
        start = 0
        for name, members in zip(names, rows):
            sides[name] = Tuples([values[start : start + len(members)] for values in images], digits[members])
            start += len(members)
    if np.array_equal(sides["train"].images[0], sides["test"].images[0]):
        raise DataError(
            f"{folder.root} has the same images in train and in test; one of the two is a copy of the other."
        )
    return sides


def _check_different(place: Path, images: list[np.ndarray]) -> None:
    """Two modalities with the same images are one file or folder, copied by mistake."""
    for m in range(len(images)):
        for other in range(m):
            if np.array_equal(images[m][:16], images[other][:16]) and np.array_equal(images[m], images[other]):
                raise DataError(
                    f"{place} has the same images in m{other} and in m{m}; one of the two is a copy of the other."
                )


def download(root: Path) -> None:
    """Fetch the archive of PolyMNIST and unpack it into ``root``.

    It has another name first, so that a broken download leaves nothing behind.
    """
    utils = torchvision().datasets.utils
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".polymnist-", dir=root, ignore_cleanup_errors=True) as name:
            temporary, names = Path(name), folder_names(None)
            utils.download_and_extract_archive(URL, str(temporary), remove_finished=True)
            images_folder = find_official(temporary, names, 1)
            if images_folder is None:
                raise DataError(f"The archive {URL} does not hold PolyMNIST in a known layout.")
            images_folder.root.rename(root / (names[0] if images_folder.root == temporary else images_folder.root.name))
    except MmgenError:
        raise
    except Exception as error:  # whatever the network, its proxies and the archive make of it
        raise DataError(
            f"PolyMNIST could not be downloaded ({first_line(error)}); fetch {URL} elsewhere and unpack it into {root}."
        ) from error
