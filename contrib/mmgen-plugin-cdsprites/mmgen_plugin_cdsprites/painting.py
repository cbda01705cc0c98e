"""From captions to pictures, by the rules of the released generator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from .attributes import LEVELS, VALUES, all_captions, caption_labels
from .sprites import ORIENTATIONS, SIDE
from .textures import Textures

COLOURS = {
    "red": (192, 64, 0),
    "yellow": (228, 217, 111),
    "green": (10, 107, 60),
    "blue": (0, 127, 200),
    "pink": (255, 0, 255),
}
SCALES = {"small": 0, "big": 5}
MIDDLE = tuple(range(5, 30))  # places of levels 1 to 3, in x and in y
NEAR, FAR = (1, 2, 3, 5, 6, 7, 8, 9), tuple(range(26, 32))  # left or top, right or bottom; the generator leaves out 4
PUBLISHED = 30_000  # pictures of every level

Render = Callable[[np.ndarray], np.ndarray]  # factors int [N, 5] to masks bool [N, 64, 64]


def share_out(level: int, count: int) -> np.ndarray:
    """Which caption each of ``count`` pictures has, as many of each as can be, in their order: int64 ``[count]``."""
    captions = len(all_captions(level))
    return np.repeat(np.arange(captions), [(count - number - 1) // captions + 1 for number in range(captions)])


def draw_factors(level: int, captions: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shape, scale, orientation, x and y of a sprite for each caption, int ``[N, 5]``.

    All orientations and places that a caption allows are equally likely, and no two pictures of one caption have the
    same.
    """
    labels = caption_labels(level)
    factors = np.empty((len(captions), 5), dtype=np.int64)
    for caption in np.unique(captions):
        code = {name: VALUES[name][codes[caption]] for name, codes in labels.items()}
        words = code.get("position", "").split()
        across = MIDDLE if not words else NEAR if words[2] == "left" else FAR
        down = MIDDLE if not words else NEAR if words[1] == "top" else FAR
        free = np.array(list(product(range(ORIENTATIONS), across, down)))
        rows = np.flatnonzero(captions == caption)
        factors[rows, 0] = VALUES["shape"].index(code["shape"])
        factors[rows, 1] = SCALES[code.get("size", "big")]
        factors[rows, 2:] = free[draw.permutation(len(free))[: len(rows)]]
    return factors


def paint(
    level: int, captions: np.ndarray, render: Render, textures: Textures | None, draw: np.random.Generator
) -> np.ndarray:
    """Pictures uint8 ``[N, 3, 64, 64]`` in red, green and blue.

    White on black up to level 2. From level 3 a sprite is a random texture times its colour, stretched so that its
    brightest value is 255; at level 5 everything else is another random texture, light or dark as the caption says, and
    the whole picture is stretched once more.
    """
    sprites = render(draw_factors(level, captions, draw))
    if textures is None:
        return np.repeat(np.where(sprites, np.uint8(255), np.uint8(0))[:, None], 3, axis=1)
    labels = caption_labels(level)
    colours = np.array([COLOURS[name] for name in VALUES["colour"]]) / 255
    chosen = draw.integers(len(textures), size=(2, len(captions)))
    dark = labels["background"] == VALUES["background"].index("on dark") if "background" in LEVELS[level] else None
    pictures = np.empty((len(captions), 3, SIDE, SIDE), dtype=np.uint8)
    for row, (caption, sprite) in enumerate(zip(captions, sprites)):
        coloured = colours[labels["colour"][caption]][:, None, None] * textures.light[chosen[0, row]] * sprite
        picture = np.rint(coloured * (255 / coloured.max()))
        if dark is not None:
            shade = textures.dark if dark[caption] else textures.light
            picture = np.where(sprite, picture, np.rint(shade[chosen[1, row]]))
            low, high = picture.min(), picture.max()
            picture = np.rint((picture - low) * (255 / (high - low)))
        pictures[row] = picture
    return pictures
