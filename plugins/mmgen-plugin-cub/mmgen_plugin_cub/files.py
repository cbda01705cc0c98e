"""The official files: one caption per line, and pictures in the folders of their classes.

``text_trainvalclasses.txt`` belongs to ``train/<class>/*.jpg`` and ``text_testclasses.txt`` to ``test/<class>/*.jpg``:
line i (from 0) is about picture i // 10, pictures in the order of their classes' and then their own names (that of
torchvision's ImageFolder).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmgen import DataError, MmgenError, track
from mmgen.errors import first_line

URL = "http://www.robots.ox.ac.uk/~yshi/mmdgm/datasets/cub.zip"
CAPTIONS = {"train": "text_trainvalclasses.txt", "test": "text_testclasses.txt"}  # of each folder of pictures
PER_IMAGE = 10  # captions
SIDE = 64  # pixels
ENDINGS = (".jpg", ".jpeg", ".png")
MARKER = "STAND-IN"  # a file of this name says that the folder holds drawn birds


@dataclass(frozen=True)
class Pictures:
    """The pictures of one folder (``train`` or ``test``) in their order, each with the name of its class."""

    folder: Path
    paths: tuple[Path, ...]
    classes: tuple[str, ...]


def _find_home(root: Path) -> Path | None:
    """``root``, or ``cub`` in it: the one that has captions."""
    places = (root, root / "cub")
    return next((place for place in places if any((place / name).is_file() for name in CAPTIONS.values())), None)


def is_there(root: Path) -> bool:
    """Whether there are captions in ``root``, as after a download."""
    return _find_home(root) is not None


def find_folder(root: Path) -> Path:
    """The folder that has the captions; none is a sentence."""
    if home := _find_home(root):
        return home
    problem = (
        f"There is no folder {root}"
        if not root.is_dir()
        else f"Neither {root} nor a folder cub in it has {' or '.join(CAPTIONS.values())}"
    )
    raise DataError(f"{problem}; unpack {URL} there (it makes the folder cub), or say dataset.download=true.")


def fetch(root: Path) -> None:
    """Download and unpack the archive of MMVAE (about a gigabyte) into ``root``, unless its captions are there."""
    if is_there(root):
        return
    from mmgen_plugin_vision import torchvision

    try:
        tools = torchvision().datasets.utils
        tools.download_and_extract_archive(URL, str(root), remove_finished=True)
    except MmgenError:  # no torchvision: said already
        raise
    except Exception as error:  # networks, servers and archives fail in many ways
        raise DataError(
            f"{URL} could not be fetched ({first_line(error)}); download it with a browser, unpack it in {root}, "
            "and leave out dataset.download."
        ) from error


def read_captions(path: Path) -> list[str]:
    """The lines of a file of captions; none is empty."""
    try:
        lines = (
            path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        )  # splitlines would also split at rarer signs
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DataError(f"{path} cannot be read: {reason}; it should have one caption per line.") from error
    if lines == [""]:
        raise DataError(f"{path} is empty; it should have one caption per line.")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise DataError(
                f"Line {number} of {path} is empty; there should be a caption: there are {PER_IMAGE} for each "
                "picture, one per line."
            )
    return lines


def find_pictures(folder: Path) -> dict[str, Pictures]:
    """The pictures of ``train`` and ``test``."""
    sides = {side: _find_pictures(folder / side) for side in CAPTIONS}
    shared = sorted(set(sides["train"].classes) & set(sides["test"].classes))
    if shared:
        raise DataError(
            f"The class {shared[0]} is in {sides['train'].folder} and in {sides['test'].folder}; a class belongs in "
            "one of them, since the split is by class."
        )
    by_name: dict[str, Path] = {}
    for path in (path for side in sides.values() for path in side.paths):
        other = by_name.setdefault(
            path.stem, path
        )  # official names begin with the class and end in a number of their own
        if other is not path:
            raise DataError(
                f"{path} has the same name as {other}; a picture is there once, in the folder of its class."
            )
    return sides


def _find_pictures(folder: Path) -> Pictures:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; it should hold one folder of pictures per class.")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not classes:
        raise DataError(f"{folder} has no folders; it should hold one folder of pictures per class.")
    paths: list[Path] = []
    for name in classes:
        members = sorted(
            path for path in (folder / name).iterdir() if path.suffix.lower() in ENDINGS and path.is_file()
        )
        if not members:
            raise DataError(
                f"The folder {folder / name} has no pictures ({', '.join(ENDINGS)}); a class has at least one."
            )
        paths += members
    return Pictures(folder, tuple(paths), tuple(path.parent.name for path in paths))


def check_pairs(captions: Sequence[Sequence[str]], file: Path, pictures: Pictures) -> None:
    """Ten captions for each picture."""
    if len(captions) != PER_IMAGE * len(pictures.paths):
        raise DataError(
            f"{file} has {len(captions)} lines, and {pictures.folder} has {len(pictures.paths)} pictures; there "
            f"should be {PER_IMAGE} lines for each picture, {PER_IMAGE * len(pictures.paths)} in all."
        )


def read_pictures(paths: Sequence[Path], title: str) -> tuple[np.ndarray, list[str]]:
    """Pictures as ``uint8 [n, 3, 64, 64]``, and a fingerprint of each file.

    They are resized straight to 64×64 with Pillow's bilinear filter (averaging where it reduces), without cropping: the
    aspect ratio is not kept.
    """
    pixels = np.empty((len(paths), 3, SIDE, SIDE), dtype=np.uint8)
    prints = []
    for row, path in enumerate(track(paths, title)):
        try:
            with path.open("rb") as file:
                prints.append(hashlib.file_digest(file, "sha256").hexdigest())
                file.seek(0)
                with Image.open(file) as image:
                    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        except Exception as error:  # damaged pictures raise errors of many types
            raise DataError(
                f"{path} cannot be read as a picture; it is truncated or damaged: copy it again."
            ) from error
        pixels[row] = np.asarray(small).transpose(2, 0, 1)
    return pixels, prints
