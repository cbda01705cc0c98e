"""Decoding many small PNG images, in as many processes as there are cores.

Nothing here needs PyTorch, which every process would import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed
from PIL import Image

from mmgen import DataError

SIDE = 28
CHUNK = 2000  # images that a process decodes at a time
PROCESSES = 8  # at most: then the files are what takes long


def decode_images(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """The images in parts, uint8 ``[n, 3, 28, 28]`` each; few are read by this process alone.

    Raises:
        DataError: An image is damaged, of another size, or not in colour.
    """
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    processes = min(PROCESSES, cpu_count(), len(chunks)) if len(chunks) > 2 else 1
    return Parallel(n_jobs=processes, return_as="generator")(delayed(read_part)(chunk) for chunk in chunks)


def read_part(paths: Sequence[Path]) -> np.ndarray:
    """Some images, uint8 ``[n, 3, 28, 28]``."""
    pixels = np.empty((len(paths), SIDE, SIDE, 3), dtype=np.uint8)
    for i, path in enumerate(paths):
        pixels[i] = read_image(path)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def read_image(path: Path) -> np.ndarray:
    """One image, uint8 ``[28, 28, 3]``."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.size != (SIDE, SIDE):
                raise DataError(f"{path} has {image.width}×{image.height} pixels; it should have {SIDE}×{SIDE}.")
            if image.mode != "RGB":
                raise DataError(
                    f"{path} is an image of the mode {image.mode}; it should be in colour, RGB with 8 bits."
                )
            return np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(SIDE, SIDE, 3)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"{path} is truncated or damaged, or no PNG image.") from error
