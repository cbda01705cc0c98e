"""Backgrounds: sky, leaves, water, grass and dusk, in quiet colours so that the bird stands out."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .pen import Colour

_GRADIENTS: dict[str, tuple[Colour, Colour]] = {  # top and bottom
    "sky": ((168, 196, 222), (214, 226, 234)),
    "leaves": ((150, 170, 132), (176, 186, 150)),
    "water": ((190, 204, 208), (134, 164, 178)),
    "grass": ((206, 210, 196), (160, 166, 118)),
    "dusk": ((186, 160, 172), (232, 202, 176)),
}


def paint_scene(scene: str, size: tuple[int, int], draw: np.random.Generator) -> Image.Image:
    """A background of ``size`` (width, height), softened as by a lens."""
    size, finished = (size[0] // 2, size[1] // 2), size  # it is blurred anyway, and four times quicker so
    width, height = size
    top, bottom = (np.array(colour) + draw.normal(0, 7, 3) for colour in _GRADIENTS[scene])
    down = np.linspace(0, 1, height)[:, None, None]
    rows = np.clip(top + (bottom - top) * down, 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(np.broadcast_to(rows, (height, width, 3))))
    pen = ImageDraw.Draw(image)
    middle = (top + bottom) / 2
    if scene in ("sky", "dusk"):
        for _ in range(draw.integers(2, 6)):
            _blob(pen, draw, size, (0.1, 0.3), (0.02, 0.06), middle + 26)
    elif scene == "leaves":
        for _ in range(26):
            _blob(pen, draw, size, (0.05, 0.14), (0.03, 0.09), middle + draw.normal(0, 16))
    elif scene == "water":
        for _ in range(14):
            _blob(pen, draw, size, (0.1, 0.35), (0.006, 0.016), middle + draw.normal(0, 18))
    else:
        for _ in range(60):
            x, y = draw.uniform(0, width), height * draw.uniform(0.75, 1.1)
            lean = width * draw.normal(0, 0.04)
            pen.line(
                [(x, y), (x + lean, y - height * draw.uniform(0.1, 0.3))],
                fill=_rgb(bottom + draw.normal(0, 18)),
                width=max(2, width // 90),
            )
    return image.filter(ImageFilter.GaussianBlur(width / 80)).resize(finished, Image.Resampling.BILINEAR)


def paint_perch(
    image: Image.Image, scene: str, feet: tuple[float, float], scale: float, draw: np.random.Generator
) -> None:
    """What the bird stands on: a branch, a stone in the water, or the ground."""
    pen = ImageDraw.Draw(image)
    width = image.width
    x, y = feet
    if scene in ("water", "grass"):
        colour = np.array((128, 126, 120) if scene == "water" else (150, 142, 104)) + draw.normal(0, 8, 3)
        wide, high = scale * draw.uniform(0.7, 1.1), scale * draw.uniform(0.2, 0.3)
        pen.ellipse([x - wide, y - 0.05 * scale, x + wide, y + 2 * high], fill=_rgb(colour))
        return
    slope, thick = draw.normal(0, 0.08), max(3, int(scale * draw.uniform(0.07, 0.12)))
    bark = np.array((104, 88, 72)) + draw.normal(0, 8, 3)
    centre = y + thick / 2
    pen.line(
        [(-5, centre + slope * (x + 5)), (width + 5, centre - slope * (width + 5 - x))], fill=_rgb(bark), width=thick
    )
    for _ in range(draw.integers(0, 4) if scene == "leaves" else 0):
        leaf = draw.uniform(0, width)
        at = centre + slope * (x - leaf)
        pen.ellipse(
            [leaf, at - 0.1 * scale, leaf + 0.25 * scale, at + 0.02 * scale],
            fill=_rgb(np.array((120, 146, 96)) + draw.normal(0, 9, 3)),
        )


def _blob(
    pen: ImageDraw.ImageDraw,
    draw: np.random.Generator,
    size: tuple[int, int],
    wide: tuple[float, float],
    high: tuple[float, float],
    colour: np.ndarray,
) -> None:
    """An ellipse somewhere; its half axes are shares of the picture."""
    x, y = draw.uniform(0, size[0]), draw.uniform(0, size[1])
    a, b = size[0] * draw.uniform(*wide), size[1] * draw.uniform(*high)
    pen.ellipse([x - a, y - b, x + a, y + b], fill=_rgb(colour))


def _rgb(colour: np.ndarray) -> Colour:
    red, green, blue = np.clip(colour, 0, 255).astype(int).tolist()
    return red, green, blue
