"""Grey textures: the pictures of the Describable Textures Dataset (Cimpoi et al. 2014), or drawn ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmgen import DataError, track

from .sprites import SIDE

ENDINGS = (".jpg", ".jpeg", ".png")
Draw = np.random.Generator


class Textures:
    """Textures in two shades: light for sprites and backgrounds, dark for backgrounds.

    A texture is made grey and stretched to 0 … 255. Light adds 125 and stops at 255. Dark is what the released code
    computes when it takes 200 away from bytes: 56 below 200, 0 at 200, and as it was above. Pictures are then reduced
    to 64×64 bilinearly, without averaging, as the released code does.
    """

    def __init__(self, grey: list[np.ndarray]) -> None:
        stretched = [_stretch(each) for each in grey]
        light = [np.where(each > 130, 255, each + 125) for each in stretched]
        dark = [np.where(each < 200, 56, np.where(each == 200, 0, each)) for each in stretched]
        self.light = np.stack([_reduce(each) for each in light])  # float32 [T, 64, 64]
        self.dark = np.stack([_reduce(each) for each in dark])

    def __len__(self) -> int:
        return len(self.light)


def _stretch(grey: np.ndarray) -> np.ndarray:
    """To 0 … 255, in whole numbers."""
    low, high = float(grey.min()), float(grey.max())
    return np.rint((grey.astype(np.float64) - low) * (255 / max(high - low, 1e-9)))


def _reduce(values: np.ndarray) -> np.ndarray:
    image = torch.from_numpy(values.astype(np.float32))[None, None]
    return torch.nn.functional.interpolate(image, (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0].numpy()


def texture_files(folder: Path | None) -> list[Path]:
    """The pictures below a folder, as unpacked (``dtd/images/<kind>/*.jpg``), in the order of their names."""
    if folder is None:
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())


def read_textures(folder: Path) -> Textures:
    """All pictures of a folder.

    Raises:
        DataError: There are none, or one of them is damaged.
    """
    paths = texture_files(folder)
    if not paths:
        raise DataError(f"{folder} holds no pictures ({', '.join(ENDINGS)}); unpack dtd-r1.0.1.tar.gz there.")
    grey = []
    for path in track(paths, "reading textures"):
        try:
            with Image.open(path) as image:
                grey.append(np.asarray(image.convert("RGB").convert("L")))
        except Exception as error:  # damaged pictures raise errors of many types
            raise DataError(f"{path} cannot be read as a picture; copy it again.") from error
    return Textures(grey)


def draw_textures(count: int, seed: int) -> Textures:
    """Drawn ones, of ten kinds in turn, each with its own sizes, angles and places."""
    return Textures([KINDS[number % len(KINDS)](np.random.default_rng([seed, 1, number])) for number in range(count)])


def _waves(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Two phases that run across the picture at right angles to each other, from a random angle and place."""
    down, right = np.mgrid[:SIDE, :SIDE]
    angle, pitch = draw.uniform(0, np.pi), draw.uniform(5, 16)
    across = (np.cos(angle) * right + np.sin(angle) * down) / pitch + draw.uniform()
    along = (np.cos(angle) * down - np.sin(angle) * right) / (pitch * draw.uniform(0.6, 1.6)) + draw.uniform()
    return across, along


def _stripes(draw: Draw) -> np.ndarray:
    return np.sin(2 * np.pi * _waves(draw)[0])


def _bands(draw: Draw) -> np.ndarray:
    return (_waves(draw)[0] % 1 < draw.uniform(0.3, 0.7)) + 0.15 * _cloud(draw, 2)


def _checks(draw: Draw) -> np.ndarray:
    across, along = _waves(draw)
    return ((across % 1 < 0.5) ^ (along % 1 < 0.5)) + 0.15 * _cloud(draw, 2)


def _dots(draw: Draw) -> np.ndarray:
    across, along = _waves(draw)
    return np.clip(np.hypot(across % 1 - 0.5, along % 1 - 0.5) - draw.uniform(0.2, 0.35), -0.05, 0.05)


def _zigzags(draw: Draw) -> np.ndarray:
    across, along = _waves(draw)
    return np.sin(2 * np.pi * (across + draw.uniform(0.4, 1) * np.abs(along % 1 - 0.5)))


def _bricks(draw: Draw) -> np.ndarray:
    across, along = _waves(draw)
    moved = along / 2 + 0.5 * (np.floor(across) % 2)
    return np.minimum((across % 1 > 0.12), (moved % 1 > 0.06)) + 0.3 * _cloud(draw, 3)


def _weave(draw: Draw) -> np.ndarray:
    across, along = _waves(draw)
    over = (np.floor(across) + np.floor(along)) % 2 == 0
    return np.where(over, np.sin(np.pi * (across % 1)), np.sin(np.pi * (along % 1)))


def _cloud(draw: Draw, grain: float | None = None) -> np.ndarray:
    """Noise whose finest detail has a size, from none to a quarter of the picture; mean 0, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    size = draw.uniform(1, 8) if grain is None else grain
    spectrum = np.fft.fft2(draw.normal(size=(SIDE, SIDE))) * np.exp(-2 * (np.pi * frequency * size / 2) ** 2)
    values = np.fft.ifft2(spectrum).real
    return (values - values.mean()) / values.std()


def _nearest(draw: Draw) -> np.ndarray:
    """Distances to the nearest and the next of scattered points, ``[2, 64, 64]``."""
    points = draw.uniform(-8, SIDE + 8, (int(draw.integers(20, 90)), 2))
    down, right = np.mgrid[:SIDE, :SIDE]
    distances = np.hypot(down[..., None] - points[:, 0], right[..., None] - points[:, 1])
    return np.moveaxis(np.partition(distances, 1, axis=-1)[..., :2], -1, 0)


def _bubbles(draw: Draw) -> np.ndarray:
    return -_nearest(draw)[0]


def _cracks(draw: Draw) -> np.ndarray:
    first, second = _nearest(draw)
    return np.clip(second - first, 0, draw.uniform(1.5, 4))


KINDS: tuple[Callable[[Draw], np.ndarray], ...] = (
    *(_stripes, _bands, _checks, _dots, _zigzags),
    *(_bricks, _weave, _cloud, _bubbles, _cracks),
)
