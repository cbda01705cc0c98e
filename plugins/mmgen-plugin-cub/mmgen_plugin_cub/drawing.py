"""A drawn bird: shapes in the bird's own coordinates, turned, mirrored, scaled and placed, at four times the size and
then reduced.

In its own coordinates a bird looks to the right, its body is about 1 long with its middle in the origin, and y points
down.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .anatomy import BODY, Shades, bar, draw_body, draw_head, draw_wing
from .pen import Colour, Pen
from .scenery import paint_perch, paint_scene
from .species import Photograph, Species

SIDE = 96  # larger side of a finished picture
ZOOM = 4  # how much larger it is drawn
RGB = {
    "black": (30, 30, 34),
    "white": (246, 246, 242),
    "grey": (134, 137, 142),
    "brown": (118, 72, 36),
    "red": (206, 28, 36),
    "orange": (242, 128, 18),
    "yellow": (250, 218, 36),
    "green": (42, 142, 58),
    "blue": (36, 84, 206),
}
_NECK = {"small": 0.36, "medium": 0.44, "large": 0.58}  # how far the head is above the middle of the body
_LEGS = {"small": 0.2, "medium": 0.26, "large": 0.42}
_GROWTH = {"small": 0.9, "medium": 1.0, "large": 1.02}
_WING_X = (0.2, 0.16, 0.0, -0.26, -0.31, -0.42, -0.42, -0.5, -0.46, -0.52, -0.42, -0.3, -0.08)
_WING_Y = (-0.12, -0.5, -0.82, -1.0, -0.9, -0.9, -0.78, -0.74, -0.6, -0.52, -0.3, -0.1, -0.02)
_WING = np.stack([_WING_X, _WING_Y], 1)  # spread, with the tips of its feathers
_FAR_WING = np.array([[0.22, -0.2], [0.36, -0.55], [0.38, -0.94], [0.24, -0.88], [0.14, -0.9], [-0.06, -0.2]])
_TURN = -0.42  # of the body of a bird that stands; a flying one lies level


def draw_bird(species: Species, photograph: Photograph) -> Image.Image:
    """The picture: RGB, its larger side 96 pixels."""
    draw = np.random.default_rng(photograph.seed)
    aspect = photograph.aspect
    width, height = (SIDE, round(SIDE / aspect)) if aspect >= 1 else (round(SIDE * aspect), SIDE)
    size = (ZOOM * width, ZOOM * height)
    image = paint_scene(photograph.scene, size, draw)
    scale = 0.49 * min(size) * photograph.zoom * _GROWTH[species.size]
    centre = ((0.5 + photograph.shift[0]) * size[0], (0.53 + photograph.shift[1]) * size[1])
    pen = Pen(image, scale, centre, photograph.tilt, photograph.left)
    shade = {name: _shade(name, draw) for name in RGB}
    if photograph.flying:
        _draw_flying(pen, species, shade)
    else:
        _draw_standing(pen, image, species, photograph.scene, shade, draw)
    return _develop(image, photograph, (width, height), draw)


def _shade(name: str, draw: np.random.Generator) -> Colour:
    red, green, blue = np.clip(np.array(RGB[name]) + draw.normal(0, 5, 3), 0, 255).astype(int).tolist()
    return red, green, blue


def _develop(
    image: Image.Image, photograph: Photograph, size: tuple[int, int], draw: np.random.Generator
) -> Image.Image:
    """Reduced to its size, with the light of the hour and a little grain."""
    pixels = np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float64)
    light = photograph.light * (1 + np.array([1.0, 0.0, -1.0]) * photograph.warmth)
    return Image.fromarray(np.clip(pixels * light + draw.normal(0, 2.0, pixels.shape), 0, 255).astype(np.uint8))


def _draw_standing(
    pen: Pen, image: Image.Image, species: Species, scene: str, shade: Shades, draw: np.random.Generator
) -> None:
    a, b = BODY[species.size]
    legs = _LEGS[species.size]
    feet = pen.at(np.array([[0.05, b + legs]]))[0]
    paint_perch(image, scene, feet, pen.scale, draw)
    for x in (-0.04, 0.12):
        pen.line(
            np.array([[x, b - 0.08], [x + 0.02, b + legs], [x + 0.12, b + legs + 0.01]]), shade[species.legs], 0.045
        )
    tail = 0.62 if species.long_tail else 0.3
    root, end = -0.8 * a, -0.8 * a - 0.85 * tail
    low = 0.15 + 0.62 * tail
    pen.fill(
        np.array([[root + 0.1, 0.05], [end - 0.04, low - 0.05], [end + 0.1, low + 0.08], [root + 0.2, 0.29]]),
        shade[species.colour],
    )
    head = (0.44, -_NECK[species.size])
    draw_body(pen, species, shade, head, turn=_TURN)
    draw_wing(pen, species, shade, np.array([-0.17, 0.0]), turn=_TURN - 0.06, long=0.4, wide=0.17)
    draw_head(pen, species, shade, head)


def _draw_flying(pen: Pen, species: Species, shade: Shades) -> None:
    a, _ = BODY[species.size]
    tail = 0.62 if species.long_tail else 0.3
    pen.fill(
        np.array([[-0.7 * a, -0.1], [-a - tail, -0.1], [-a - tail - 0.05, 0.12], [-0.7 * a, 0.12]]),
        shade[species.colour],
    )
    pen.fill(_FAR_WING, tuple(int(0.82 * value) for value in shade[species.wings]))  # type: ignore[arg-type]
    head = (0.58, -0.16)
    draw_body(pen, species, shade, head, turn=-0.06)
    pen.fill(_WING, shade[species.wings])
    if species.marks == "wingbars":
        for share in (0.38, 0.6):
            pen.line(
                np.array([[0.21 - 0.2 * share, -0.2 - 0.85 * share], [-0.36 - 0.14 * share, 0.05 - 0.9 * share]]),
                bar(species),
                0.05,
            )
    draw_head(pen, species, shade, head)
