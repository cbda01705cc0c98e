"""The files of CelebA in one folder: which they are, and what to do where they are missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmgen import DataError
from mmgen.errors import first_line
from mmgen_plugin_vision import torchvision

IMAGES = "img_align_celeba"
ATTRIBUTES_FILE, PARTITION_FILE = "list_attr_celeba", "list_eval_partition"
TEXT_FILE = "list_attr_text_256_False_True_celeba.csv"
MARKER = "STAND-IN"  # a file of this name says that the folder holds drawings
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"


@dataclass(frozen=True)
class Files:
    """Where everything is; ``text`` is None where the texts are to be made from the attributes."""

    images: Path
    attributes: Path
    partition: Path
    text: Path | None
    stand_in: bool


def _find_list(folder: Path, name: str) -> Path | None:
    """The list as CSV, or as the text file that CelebA's authors publish."""
    return next((path for ending in (".csv", ".txt") if (path := folder / (name + ending)).is_file()), None)


def _find_home(root: Path) -> Path | None:
    """The folder itself, or the one within it that torchvision or Sutter et al. 2021 make."""
    return next(
        (folder for folder in (root, root / "celeba", root / "CelebA") if _find_list(folder, ATTRIBUTES_FILE)), None
    )


def is_there(root: Path) -> bool:
    """Whether CelebA's list of attributes is below ``root``, as after a download."""
    return _find_home(root) is not None


def find_files(root: Path) -> Files:
    """The files below ``root``.

    Raises:
        DataError: One of them is not there.
    """
    contents = f"{IMAGES}/, {ATTRIBUTES_FILE}.csv (or .txt) and {PARTITION_FILE}.csv (or .txt)"
    if not root.is_dir():
        raise DataError(f"dataset.root: there is no folder {root}; it should hold {contents}.")
    home = _find_home(root)
    if home is None:
        raise DataError(f"{root} has no {ATTRIBUTES_FILE}.csv or .txt; it should hold {contents}, see {PAGE}.")
    attributes, partition = _find_list(home, ATTRIBUTES_FILE), _find_list(home, PARTITION_FILE)
    if attributes is None or partition is None:
        raise DataError(f"{home} has no {PARTITION_FILE}.csv or .txt; it should hold {contents}, see {PAGE}.")
    images = home / IMAGES
    if not images.is_dir():
        unpack = (
            f"unpack {IMAGES}.zip there"
            if (home / f"{IMAGES}.zip").is_file()
            else f"it should hold {contents}, see {PAGE}"
        )
        raise DataError(f"{home} has no folder {IMAGES} with the aligned images; {unpack}.")
    if (images / IMAGES).is_dir():  # as some archives unpack
        images = images / IMAGES
    text = home / TEXT_FILE
    return Files(images, attributes, partition, text if text.is_file() else None, (home / MARKER).is_file())


def download(root: Path) -> None:
    """Fetch CelebA with torchvision into ``root``/celeba, unless its list of attributes is there already.

    Raises:
        MmgenError: torchvision is missing.
        DataError: The download was refused or broke off; the sentence says how to do without it.
    """
    if is_there(root):
        return
    celeba = torchvision().datasets.CelebA
    try:
        celeba(str(root), split="all", target_type="attr", download=True)
    except Exception as error:  # of sockets, of gdown, of Google's quota, of archives: the way out is the same
        raise DataError(
            f"CelebA could not be downloaded ({first_line(error)}); get {IMAGES}.zip, {ATTRIBUTES_FILE}.txt and "
            f"{PARTITION_FILE}.txt from {PAGE} by hand, and put them into {root / 'celeba'}, the archive unpacked."
        ) from error
