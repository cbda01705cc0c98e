"""Handwritten digits: the idx files of MNIST, Fashion-MNIST and KMNIST as they are published, or the digits that
scikit-learn ships.

MNIST: LeCun, Bottou, Bengio and Haffner 1998. Fashion-MNIST: Xiao, Rasul and Vollgraf 2017. KMNIST: Clanuwat et al.
2018; all three have the same files. scikit-learn's digits: Alpaydin and Kaynak 1998, the test part of UCI's Optical
Recognition of Handwritten Digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from mmgen.data import read_gzip, split_rows
from mmgen.errors import DataError, MmgenError, first_line
from mmgen.vision import torchvision

Pair = tuple[np.ndarray, np.ndarray]  # images and labels
IdxFiles = dict[str, tuple[Path | None, Path | None]]  # of each part, images and labels; None where one is missing

SIDE = 28
CLASSES = tuple(str(digit) for digit in range(10))
FILES = {  # parts of a set, each of images and labels
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SETS = {"FashionMNIST": "Fashion-MNIST", "KMNIST": "KMNIST", "MNIST": "MNIST"}  # torchvision's folder to the usual name
MAGIC = {"images": 2051, "labels": 2049}  # 0x803 and 0x801: unsigned bytes in three dimensions and in one
TEST_SHARE = 0.2  # of the test files, where the training files are missing, and of scikit-learn's digits
LARGEST = 2**28  # bytes of an idx file; MNIST has 47 million
BOX = 20  # side of the centred square that a digit fills in MNIST
BLACK, WHITE = 64, 192  # grey levels of an enlarged digit that become 0 and 255


@dataclass(frozen=True)
class Digits:
    """Images of ten classes, and where they come from.

    Attributes:
        train: Images uint8 ``[n, 28, 28]``, light on black, and their classes int64 ``[n]`` in 0 … 9.
        test: The same, held out.
        kind: ``real`` for published files, ``stand-in`` for scikit-learn's digits enlarged.
        summary: What they are, as a noun phrase with both sizes.
        source: The folder, or the package.
    """

    train: Pair
    test: Pair
    kind: Literal["real", "stand-in"]
    summary: str
    source: str


def load_digits(folder: Path | None, *, download: bool = False, seed: int = 0) -> Digits:
    """The digits of a folder with idx files, or scikit-learn's 1,797 where there is none.

    Where only the 10,000 test images are at hand, they are split 8,000/2,000, and ``summary`` says so.

    Args:
        folder: Has the four files, gzipped or not, in itself, in ``raw``, or in ``MNIST/raw`` (``FashionMNIST/raw``,
            ``KMNIST/raw``), as torchvision leaves them.
        download: Fetch MNIST into the folder where files are missing (needs torchvision).
        seed: Of the split, where the digits have to be split here.

    Returns:
        Training and held-out images with their classes.

    Raises:
        DataError: A file is missing or damaged, or the download is refused; the sentence names it.

    >>> from mmgen_plugin_vision import load_digits
    >>> digits = load_digits(None)
    >>> images, labels = digits.train
    >>> digits.kind, images.shape, labels.shape
    ('stand-in', (1438, 28, 28), (1438,))
    """
    if folder is None:
        if download:
            raise DataError(
                "A download of digits needs a folder to put them in; name the folder of the digits as well."
            )
        return _embedded(seed)
    if download and _count(_idx_files(folder)) < 4:
        _download(folder)
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}; it should hold {FILES['train'][0]}[.gz] and the other three idx files of "
            "MNIST."
        )
    files = _idx_files(folder)
    if not _count(files):
        raise DataError(
            f"{folder} holds no idx files; {', '.join(name + '[.gz]' for pair in FILES.values() for name in pair)} "
            "belong there, or into a folder MNIST/raw in it."
        )
    return _published(folder, files, seed)


def _published(folder: Path, files: IdxFiles, seed: int) -> Digits:
    """The digits of idx files; test files alone are split."""
    pairs = {part: _read_pair(folder, part, paths) for part, paths in files.items() if part == "test" or any(paths)}
    name = _set_name(files["test"][0])  # type: ignore[arg-type]
    if "train" in pairs:
        what = f"{name} {'digits' if name == 'MNIST' else 'images'}" if name else "images of idx files"
        train, test = pairs["train"], pairs["test"]
    else:
        what = f"{'digits' if name == 'MNIST' else 'images'} of the {name + ' ' if name else ''}test files"
        train, test = _split(pairs["test"], seed)
    return Digits(train, test, "real", f"{len(train[0]):,}/{len(test[0]):,} {what}", str(folder))


def digit_files(folder: Path | None) -> list[Path]:
    """The files that :func:`load_digits` reads from ``folder``, as far as they are there."""
    return [] if folder is None else [path for pair in _idx_files(folder).values() for path in pair if path]


def read_images(path: Path) -> np.ndarray:
    """An idx file of images: uint8 ``[n, 28, 28]``."""
    content = _read(path, "images", 16)
    sizes = np.frombuffer(content, ">u4", 3, 4)
    if tuple(sizes[1:]) != (SIDE, SIDE):
        raise DataError(f"{path} has images of {sizes[1]}×{sizes[2]} pixels; they should have {SIDE}×{SIDE}.")
    return _body(path, content, 16, int(sizes[0]) * SIDE * SIDE).reshape(-1, SIDE, SIDE)


def read_labels(path: Path) -> np.ndarray:
    """An idx file of classes: int64 ``[n]``."""
    content = _read(path, "labels", 8)
    labels = _body(path, content, 8, int(np.frombuffer(content, ">u4", 1, 4)[0])).astype(np.int64)
    if len(wrong := np.flatnonzero(labels > 9)):
        raise DataError(f"{path} has the label {labels[wrong[0]]} at position {wrong[0] + 1}; labels are 0 to 9.")
    return labels


def _idx_files(folder: Path) -> IdxFiles:
    """The files of each part, from the place that has most of them."""
    places = [folder, folder / "raw", *(folder / name / "raw" for name in SETS)]
    files = [{part: (_file(place, pair[0]), _file(place, pair[1])) for part, pair in FILES.items()} for place in places]
    counts = [_count(of_place) for of_place in files]
    best = counts.index(max(counts))
    if best > 1 and counts.count(counts[best]) > 1 and counts[best]:
        both = " and ".join(
            str(place.relative_to(folder)) for place, count in zip(places, counts) if count == counts[best]
        )
        raise DataError(f"{folder} holds idx files in {both}; name one of these folders.")
    return files[best]


def _set_name(path: Path) -> str | None:
    """Which set a file is of, by the folders above it, the nearest first: files of all sets have the same names."""
    folders = [part.lower().replace("-", "") for part in reversed(path.parts[:-1])]
    return next((name for part in folders for key, name in SETS.items() if key.lower() in part), None)


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _count(files: IdxFiles) -> int:
    return sum(path is not None for pair in files.values() for path in pair)


def _read_pair(folder: Path, part: str, paths: tuple[Path | None, Path | None]) -> Pair:
    """Images and their classes, one to one."""
    if missing := [name for name, path in zip(FILES[part], paths) if path is None]:
        beside = next((path.parent for path in paths if path), folder)
        raise DataError(
            f"There is no {' and no '.join(missing)} (or the same with .gz) in {beside}; images and labels come in "
            "pairs."
        )
    images, labels = read_images(paths[0]), read_labels(paths[1])  # type: ignore[arg-type]
    if len(images) != len(labels):
        raise DataError(
            f"{paths[1]} has {len(labels)} labels, and {paths[0]} has {len(images)} images; there is one label per "
            "image."
        )
    if not len(images):
        raise DataError(f"{paths[0]} has no images.")
    return images, labels


def _read(path: Path, what: Literal["images", "labels"], header: int) -> bytes:
    """The bytes of an idx file that begins as one of this kind."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} is larger than {LARGEST:,} bytes, which no set of such images is.")
        content = read_gzip(path, LARGEST) if path.suffix == ".gz" else path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) < header:
        raise DataError(f"{path} is truncated: it has {len(content)} bytes, less than the header of an idx file.")
    magic = int.from_bytes(content[:4], "big")
    if magic != MAGIC[what]:
        other = next((kind for kind, number in MAGIC.items() if number == magic), None)
        hint = (
            f"it is an idx file of {other}: images and labels seem to be swapped"
            if other
            else f"it begins with {magic}, not {MAGIC[what]}"
        )
        raise DataError(f"{path} is no idx file of {what}; {hint}.")
    return content


def _body(path: Path, content: bytes, header: int, size: int) -> np.ndarray:
    """What follows the header, in full and nothing beyond it: writable uint8 ``[size]``."""
    if len(content) != header + size:
        state = "is truncated" if len(content) < header + size else "is too long"
        raise DataError(f"{path} {state}: its header announces {header + size} bytes, and it has {len(content)}.")
    return np.frombuffer(content, np.uint8, offset=header).copy()


def _split(pair: Pair, seed: int) -> tuple[Pair, Pair]:
    """Training and test part, stratified by class, each in the order of the file."""
    images, labels = pair
    sides = split_rows(len(labels), test=TEST_SHARE, val=0, seed=seed, strata=labels)
    train, test = ((images[sides[side]], labels[sides[side]]) for side in ("train", "test"))
    return train, test


def _embedded(seed: int) -> Digits:
    """scikit-learn's digits of 8×8 pixels and 17 grey levels, enlarged into the middle of 28×28."""
    from sklearn.datasets import load_digits as shipped

    small, labels = shipped(return_X_y=True)
    grey = np.round(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    large = np.stack(
        [np.asarray(Image.fromarray(image).resize((BOX, BOX), Image.Resampling.BICUBIC)) for image in grey]
    ).astype(np.float64)
    stretched = np.round(np.clip((large - BLACK) / (WHITE - BLACK), 0, 1) * 255).astype(np.uint8)
    margin = (SIDE - BOX) // 2
    images = np.pad(stretched, ((0, 0), (margin, margin), (margin, margin)))
    train, test = _split((images, labels.astype(np.int64)), seed)
    summary = (
        f"{len(train[0]):,}/{len(test[0]):,} of scikit-learn's {len(labels):,} real handwritten digits, enlarged "
        "from 8×8"
    )
    return Digits(train, test, "stand-in", summary, "scikit-learn")


def _download(folder: Path) -> None:
    """MNIST by torchvision, which checks what it fetched."""
    datasets = torchvision().datasets
    try:
        datasets.MNIST(folder, download=True)
    except MmgenError:
        raise
    except Exception as error:  # whatever the network, its proxies and mirrors make of it
        raise DataError(
            f"MNIST could not be downloaded ({first_line(error)}); fetch the four files "
            "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
            f"t10k-labels-idx1-ubyte.gz elsewhere and put them into {folder}."
        ) from error
