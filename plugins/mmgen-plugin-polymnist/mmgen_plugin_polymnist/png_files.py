"""The official layout: ``{train,test}/m{k}/{index}.{digit}.png``, images of 28×28 pixels in colour."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mmgen import DataError, track

from .decoding import CHUNK, SIDE, decode_images

Key = tuple[int, int]  # digit, and index within it


class PngFolder:
    """The images of a folder in the official layout, in the order of (digit, index) in every modality."""

    def __init__(self, root: Path, modalities: int) -> None:
        self.root, self.modalities = root, modalities
        self.files: dict[str, list[dict[Key, Path]]] = {}

    @staticmethod
    def is_layout(root: Path) -> bool:
        """Whether ``root`` looks like one."""
        return (root / "train" / "m0").is_dir()

    def sources(self) -> list[Path]:
        """The folders, whose times tell when files come and go.

        Hundreds of thousands of images are too many to look at each time.
        """
        return [self.root / split / f"m{m}" for split in ("train", "test") for m in range(self.modalities)]

    def digits(self, split: str) -> np.ndarray:
        """The digit of every tuple, ``[N]``; all modalities have been checked to hold the same tuples."""
        files = [_index_images(self.root / split / f"m{m}") for m in range(self.modalities)]
        for m in range(1, self.modalities):
            for first, second in ((0, m), (m, 0)):
                missing = sorted(files[first].keys() - files[second].keys())
                if missing:
                    present = files[first][missing[0]]
                    raise DataError(
                        f"There is no {self.root / split / f'm{second}' / present.name}, and there is {present}; a "
                        "tuple has one image of the same index and digit in every modality."
                    )
        self.files[split] = files
        return np.array([digit for digit, _ in sorted(files[0])], dtype=np.int64)

    def images(self, split: str, m: int, rows: np.ndarray) -> np.ndarray:
        """Images uint8 ``[n, 3, 28, 28]`` of the tuples at ``rows``, after :meth:`digits`."""
        files, keys = self.files[split][m], sorted(self.files[split][m])
        paths = [files[keys[row]] for row in rows]
        pixels = np.empty((len(rows), 3, SIDE, SIDE), dtype=np.uint8)
        starts = range(0, len(rows), CHUNK)
        for start, chunk in zip(
            starts, track(decode_images(paths), f"reading m{m} of {split}", total=len(starts)), strict=True
        ):
            pixels[start : start + len(chunk)] = chunk
        return pixels


def _index_images(folder: Path) -> dict[Key, Path]:
    """The images of one modality by digit and index; other files and hidden ones are left alone."""
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}; set dataset.modalities to the number that is there, or complete the files."
        )
    images: dict[Key, Path] = {}
    for path in folder.glob("[!.]*.png"):
        name = re.fullmatch(r"(\d+)\.(\d)\.png", path.name)
        if name is None:
            raise DataError(f"{path} is not named INDEX.DIGIT.png with a digit from 0 to 9.")
        key = int(name[2]), int(name[1])
        if key in images:
            raise DataError(
                f"{path} and {images[key].name} beside it are the same index and digit; one of them is too many."
            )
        images[key] = path
    if not images:
        raise DataError(f"{folder} holds no images INDEX.DIGIT.png.")
    return images
