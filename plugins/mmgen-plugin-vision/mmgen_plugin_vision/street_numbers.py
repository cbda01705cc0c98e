"""House-number digits: the official SVHN files of cropped digits, or digits rendered from matplotlib's fonts.

SVHN: Netzer, Wang, Coates, Bissacco, Wu and Ng 2011, "Reading Digits in Natural Images with Unsupervised Feature
Learning", cropped digits (format 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mmgen.data import read_matlab
from mmgen.errors import DataError, MmgenError, first_line
from mmgen.vision import torchvision

from .rendered_numbers import SIDE, render

Pair = tuple[np.ndarray, np.ndarray]

PARTS = ("train", "test")
OFFICIAL = {"train": 73_257, "test": 26_032}  # images of the published files


@dataclass(frozen=True)
class StreetNumbers:
    """Colour images of one digit with whatever stands beside it, and where they come from.

    Attributes:
        train: Images uint8 ``[n, 3, 32, 32]`` and their digits int64 ``[n]`` in 0 … 9.
        test: The same, held out.
        kind: ``real`` for the official files, ``stand-in`` for rendered digits.
        summary: What they are, as a noun phrase with both sizes.
        source: The folder, or the package with the fonts.
    """

    train: Pair
    test: Pair
    kind: Literal["real", "stand-in"]
    summary: str
    source: str


def load_street_numbers(
    folder: Path | None, *, download: bool = False, seed: int = 0, count: tuple[int, int] = (10_000, 2_000)
) -> StreetNumbers:
    """SVHN's cropped digits from a folder, or rendered ones where there is none.

    Args:
        folder: Has ``train_32x32.mat`` and ``test_32x32.mat``, in itself or in ``SVHN``.
        download: Fetch missing files into the folder (needs torchvision).
        seed: Of the rendering. Training and test images are drawn from independent random numbers; they share the
            fonts.
        count: How many training and test images to render.

    Returns:
        Training and held-out images with their digits.

    Raises:
        DataError: A file is missing or damaged, or the download is refused; the sentence names it.

    >>> from mmgen_plugin_vision import load_street_numbers
    >>> numbers = load_street_numbers(None, count=(20, 10))
    >>> images, labels = numbers.train
    >>> numbers.kind, images.shape, labels.shape
    ('stand-in', (20, 3, 32, 32), (20,))
    """
    if folder is None:
        if download:
            raise DataError(
                "A download of street numbers needs a folder to put them in; name the folder of SVHN as well."
            )
        return _rendered(seed, count)
    if download:
        _download(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; it should hold train_32x32.mat and test_32x32.mat of SVHN.")
    return _official(folder)


def _official(folder: Path) -> StreetNumbers:
    """The official files of a folder.

    Raises:
        DataError: A file is missing or damaged, or the two are swapped or the same.
    """
    paths = {part: _file(folder, part) for part in PARTS}
    if missing := [f"{part}_32x32.mat" for part, path in paths.items() if path is None]:
        raise DataError(
            f"There is no {' and no '.join(missing)} in {folder} or in its folder SVHN; both come from "
            "http://ufldl.stanford.edu/housenumbers (format 2)."
        )
    pairs = {part: read_street_numbers(path) for part, path in paths.items() if path}
    sizes = {part: len(images) for part, (images, _) in pairs.items()}
    if sizes["train"] == OFFICIAL["test"] or sizes["test"] == OFFICIAL["train"]:
        raise DataError(
            f"{paths['train']} has {sizes['train']:,} images and {paths['test']} has {sizes['test']:,}; the official "
            f"files have {OFFICIAL['train']:,} and {OFFICIAL['test']:,}, so they seem to be swapped or one of them "
            "twice."
        )
    if np.array_equal(pairs["train"][0], pairs["test"][0]):
        raise DataError(f"{paths['test']} holds the same images as {paths['train']}; copy the test file again.")
    summary = f"{sizes['train']:,}/{sizes['test']:,} SVHN street-number digits"
    return StreetNumbers(pairs["train"], pairs["test"], "real", summary, str(folder))


def street_number_files(folder: Path | None) -> list[Path]:
    """The files that :func:`load_street_numbers` reads from ``folder``, as far as they are there."""
    return [] if folder is None else [path for part in PARTS if (path := _file(folder, part))]


def read_street_numbers(path: Path) -> Pair:
    """One official file; the label 10 of the file means the digit 0.

    Returns:
        Images uint8 ``[n, 3, 32, 32]`` and digits int64 ``[n]``.

    Raises:
        DataError: The file is damaged, or not one of SVHN's cropped digits.
    """
    content = read_matlab(path)
    if missing := [key for key in ("X", "y") if key not in content]:
        others = ", ".join(sorted(key for key in content if not key.startswith("_"))) or "nothing"
        raise DataError(
            f"{path} has no array {' and no '.join(missing)}, but {others}; SVHN's cropped digits have X and y."
        )
    images, codes = content["X"], content["y"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3) or not images.shape[3]:
        raise DataError(
            f"{path} has X of shape {list(images.shape)} and type {images.dtype}; it should be [32, 32, 3, n] of uint8."
        )
    if codes.size != images.shape[3]:
        raise DataError(
            f"{path} has {images.shape[3]} images in X and {codes.size} labels in y; there is one label per image."
        )
    codes = codes.reshape(-1)
    if len(wrong := np.flatnonzero(~np.isin(codes, np.arange(1, 11)))):
        raise DataError(
            f"{path} has the label {codes[wrong[0]]} at position {wrong[0] + 1} of y; labels are 1 to 10, and 10 is "
            "the digit 0."
        )
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), codes.astype(np.int64) % 10


def _file(folder: Path, part: str) -> Path | None:
    name = f"{part}_{SIDE}x{SIDE}.mat"
    return next((path for path in (folder / name, folder / "SVHN" / name) if path.is_file()), None)


def _download(folder: Path) -> None:
    """The files that are missing, by torchvision, which checks what it fetched."""
    for part in PARTS:
        if _file(folder, part):
            continue
        try:
            torchvision().datasets.SVHN(str(folder), split=part, download=True)
        except MmgenError:
            raise
        except Exception as error:  # whatever the network, its proxies and mirrors make of it
            raise DataError(
                f"SVHN could not be downloaded ({first_line(error)}); fetch {part}_32x32.mat from "
                f"http://ufldl.stanford.edu/housenumbers elsewhere and put it into {folder}."
            ) from error


def _rendered(seed: int, count: tuple[int, int]) -> StreetNumbers:
    """Digits of every class in equal shares."""
    sequences = np.random.SeedSequence(seed).spawn(len(PARTS))
    pairs: dict[str, Pair] = {}
    for part, size, sequence in zip(PARTS, count, sequences):
        draw = np.random.default_rng(sequence)
        digits = draw.permutation(np.arange(size) % 10)
        pairs[part] = render(digits, draw, f"rendering street numbers ({part})"), digits
    summary = f"{count[0]:,}/{count[1]:,} street-number-like digits rendered from matplotlib's fonts"
    return StreetNumbers(pairs["train"], pairs["test"], "stand-in", summary, "matplotlib")
