"""Reading the images as Sutter et al. 2021 do, the middle 148×148 pixels in bicubic interpolation to 64×64; or as MVAE
does, all of the width.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from mmgen import DataError, track

WIDTH, HEIGHT = 178, 218  # of the aligned images
CROP = (15, 35, 163, 183)  # left, upper, right, lower: 148×148 from row 35, column 15
SIDE = 64
LONG = 78  # height of an image that is reduced to this width, of which the middle is kept
_CHUNK = 128


def read_images(folder: Path, images: Sequence[str], source: Path, crop: int = 148) -> np.ndarray:
    """The images by name, uint8 ``[N, 3, 64, 64]``, decoded by two threads straight into one array.

    Raises:
        DataError: An image that ``source`` lists is missing, damaged, or of another size.
    """
    names = set(os.listdir(folder))  # noqa: PTH208 — of 200,000 files, names are enough
    missing = next((image for image in images if image not in names), None)
    if missing is not None:
        raise DataError(f"{folder} has no {missing}, which {source} lists.")
    pixels = np.empty((len(images), 3, SIDE, SIDE), dtype=np.uint8)

    def read(start: int) -> None:
        for row in range(start, min(start + _CHUNK, len(images))):
            pixels[row] = read_image(folder / images[row], crop)

    with ThreadPoolExecutor(2) as pool:
        starts = range(0, len(images), _CHUNK)
        try:
            for _ in track(pool.map(read, starts), "reading images", total=len(starts)):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return pixels


def read_image(path: Path, crop: int = 148) -> np.ndarray:
    """One image, uint8 ``[3, 64, 64]``."""
    try:
        with Image.open(path) as image:
            if image.size != (WIDTH, HEIGHT):
                raise DataError(
                    f"{path} is {image.width} pixels wide and {image.height} high; the aligned images are {WIDTH} "
                    f"wide and {HEIGHT} high."
                )
            colours = image.convert("RGB")
            if crop == WIDTH:
                top = (LONG - SIDE) // 2
                small = colours.resize((SIDE, LONG), Image.Resampling.BILINEAR).crop((0, top, SIDE, top + SIDE))
            else:
                small = colours.crop(CROP).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow makes of damaged files
        raise DataError(f"{path} cannot be read as an image; it is damaged or was not copied to its end.") from error
    return np.asarray(small).transpose(2, 0, 1)
