"""The official file of a level: ``level3/traindata.h5``, as the released generator writes it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from mmgen import DataError

from .attributes import LEVELS, VALUES, caption_labels, read_captions
from .sprites import SIDE

FILE = "traindata.h5"
PAGE = "https://data.ciirc.cvut.cz/public/groups/incognite/CdSprites"


def find_file(root: Path, level: int) -> Path:
    """The file of a level, below ``root`` or in it.

    Raises:
        DataError: It is not there.
    """
    places = (root / f"level{level}" / FILE, root / FILE)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise DataError(f"There is no level{level}/{FILE} in {root}; unpack {PAGE}/level{level}.zip there.")
    return path


def read_file(path: Path, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 ``[N, 3, 64, 64]`` in red, green and blue, and which caption of the level each has, int64 ``[N]``.

    The file has ``image`` ``[N, 64, 64, 3]`` and ``text`` ``[N]``. The generator writes what OpenCV reads: blue, green
    and red. A file whose red sprites are red as it stands is left in its order.

    Raises:
        DataError: The file is damaged or of another layout, or its texts are no captions of this level.
    """
    try:
        with h5py.File(path) as file:
            images, texts = file["image"][:], [_text(each) for each in file["text"][:]]
    except Exception as error:  # HDF5 has errors of many types
        raise DataError(
            f"{path} cannot be read as a file of CdSprites+, with image and text; copy it again."
        ) from error
    if images.shape[1:] != (SIDE, SIDE, 3) or images.dtype != np.uint8 or len(images) != len(texts):
        raise DataError(
            f"{path} has images {list(images.shape)} of {images.dtype} and {len(texts)} texts; there should be bytes "
            f"[N, {SIDE}, {SIDE}, 3] and N texts."
        )
    if not len(images):
        raise DataError(f"{path} has no images.")
    captions = read_captions(texts, level, str(path))
    pictures = images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pictures[:, ::-1] if _is_blue_first(pictures, captions, level) else pictures), captions


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _is_blue_first(pictures: np.ndarray, captions: np.ndarray, level: int) -> bool:
    """Whether the last channel of red sprites is brighter than the first; where nothing is red, it does not matter."""
    if "colour" not in LEVELS[level]:
        return True
    red = np.flatnonzero(caption_labels(level)["colour"][captions] == VALUES["colour"].index("red"))[:500]
    return not len(red) or bool(pictures[red, 2].mean() >= pictures[red, 0].mean())
