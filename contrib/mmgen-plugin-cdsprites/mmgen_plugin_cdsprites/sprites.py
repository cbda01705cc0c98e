"""White sprites on black: the archive of dSprites, or shapes that are drawn by its factors.

dSprites (Matthey et al. 2017) has every combination of 3 shapes, 6 scales in [0.5, 1], 40 orientations in [0, 2π], 32
places in x and 32 in y, without noise or grey, in this order. The outlines of its shapes are not documented: a drawn
square has sides of 17 pixels at scale 1, and the ellipse (half-axes in the ratio 7:4) and the heart have its area.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from mmgen import DataError

SIDE = 64
SHAPES, SCALES, ORIENTATIONS, PLACES = 3, 6, 40, 32
ARCHIVE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
HALF = 8.5  # of a square's side at scale 1
FIRST = 16.5  # centre of place 0, in pixels; the next place is a pixel on
AXES = (HALF * 2 * np.sqrt(7 / 4 / np.pi), HALF * 2 * np.sqrt(4 / 7 / np.pi))  # of the ellipse; π·a·b = 17²
HEART = HALF * 2 / np.sqrt(3.6616)  # the unit heart below has an area of 3.66
BLOCK = 2048  # images of the archive that are unpacked at a time


def draw_sprites(factors: np.ndarray) -> np.ndarray:
    """Masks bool ``[N, 64, 64]`` of sprites: a pixel belongs to one where its centre does.

    Args:
        factors: Shape, scale, orientation, x and y of each as whole numbers from 0, int ``[N, 5]``.
    """
    kinds, kind = np.unique(factors[:, :3], axis=0, return_inverse=True)
    masks = np.stack([_at_first_place(*map(int, each)) for each in kinds])
    sprites = np.empty((len(factors), SIDE, SIDE), dtype=bool)
    for row, (number, x, y) in enumerate(zip(kind.reshape(-1), factors[:, 3], factors[:, 4])):
        sprites[row] = np.roll(masks[number], (y, x), axis=(0, 1))  # every sprite is within 16 pixels of its centre
    return sprites


def _at_first_place(shape: int, scale: int, orientation: int) -> np.ndarray:
    """One sprite with its centre at place 0 of x and y, bool ``[64, 64]``."""
    down, right = np.mgrid[:SIDE, :SIDE] + 0.5 - FIRST
    angle = np.linspace(0, 2 * np.pi, ORIENTATIONS)[orientation]
    size = np.linspace(0.5, 1, SCALES)[scale]
    x = (np.cos(angle) * right + np.sin(angle) * down) / size  # turned back to upright, at scale 1
    y = (np.cos(angle) * down - np.sin(angle) * right) / size
    if shape == 0:
        return np.maximum(np.abs(x), np.abs(y)) <= HALF
    if shape == 1:
        return (x / AXES[0]) ** 2 + (y / AXES[1]) ** 2 <= 1
    x, y = x / HEART, -y / HEART  # (x² + y² − 1)³ = x² y³ is the outline of a heart
    return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3


def read_sprites(folder: Path, factors: np.ndarray) -> np.ndarray:
    """The same sprites out of the archive of dSprites, which is unpacked block by block (it has 3 GB).

    Raises:
        DataError: The archive is missing, damaged or another one.
    """
    path = folder / ARCHIVE
    if not path.is_file():
        raise DataError(f"There is no {ARCHIVE} in {folder}; it is published with dSprites.")
    count = SHAPES * SCALES * ORIENTATIONS * PLACES**2
    wanted = np.ravel_multi_index(tuple(factors.T), (SHAPES, SCALES, ORIENTATIONS, PLACES, PLACES))
    numbers, row = np.unique(wanted, return_inverse=True)
    found = np.empty((len(numbers), SIDE, SIDE), dtype=bool)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, kind = read(file)
            if (shape, fortran, kind) != ((count, SIDE, SIDE), False, np.uint8):
                raise ValueError(f"it has {list(shape)} of {kind}, not {count} images of bytes")
            for start in range(0, int(numbers[-1]) + 1, BLOCK):
                length = min(BLOCK, count - start)
                block = np.frombuffer(file.read(length * SIDE * SIDE), np.uint8).reshape(length, SIDE, SIDE)
                first, last = np.searchsorted(numbers, (start, start + length))
                found[first:last] = block[numbers[first:last] - start] > 0
    except Exception as error:  # whatever half an archive makes of itself
        raise DataError(f"{path} cannot be read as the images of dSprites ({error}); copy it again.") from error
    return found[row.reshape(-1)]
