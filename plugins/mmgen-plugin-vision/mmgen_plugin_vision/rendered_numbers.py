"""Digits like street numbers, drawn with the fonts that matplotlib ships and painted on walls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mmgen.data import track
from mmgen.errors import DataError

SIDE = 32
FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)  # the faces among matplotlib's that have digits standing on the line
FONT_SIZE, CANVAS = 64, 128  # of the drawn digits, before they are turned, scaled and reduced to SIDE
BLOCK = 250  # images that are painted at once
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # brightness of red, green and blue (ITU-R BT.601)


def render(digits: np.ndarray, draw: np.random.Generator, title: str) -> np.ndarray:
    """Images uint8 ``[n, 3, 32, 32]`` of digits ``[n]``, block by block.

    Args:
        digits: 0 … 9.
        draw: Random numbers for everything but the digits.
        title: Of the progress.

    Raises:
        DataError: A font of matplotlib is missing.
    """
    starts = track(range(0, len(digits), BLOCK), title)
    blocks = [paint(outlines(digits[start : start + BLOCK], draw), draw) for start in starts]
    return np.concatenate(blocks) if blocks else np.zeros((0, 3, SIDE, SIDE), np.uint8)


@cache
def font(face: str) -> Any:
    """One of matplotlib's faces."""
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
    if not path.is_file():
        raise DataError(
            f"There is no font {path}, which matplotlib ships; install matplotlib again, or name a folder with the "
            "SVHN files."
        )
    return ImageFont.truetype(str(path), FONT_SIZE)


def outlines(digits: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Where the digits and their neighbours are: float32 ``[n, 32, 32]`` in [0, 1].

    A number of up to three digits in one face is drawn with its digit in the middle, then scaled, slanted, turned and
    moved a little, so that the border cuts the neighbours, as in SVHN.
    """
    n = len(digits)
    faces = draw.integers(len(FACES), size=n)
    neighbours = np.where(draw.random((n, 2)) < 0.55, draw.integers(10, size=(n, 2)), -1)
    stroke, gap = draw.integers(0, 3, size=n), draw.uniform(0, 8, n)
    height = draw.uniform(0.62, 0.92, n)  # of the digit, as a share of the picture
    width = height * draw.uniform(0.8, 1.2, n)
    angle, slant = draw.normal(0, 0.09, n), draw.normal(0, 0.12, n)
    shift = draw.normal(0, 0.045, (n, 2)).clip(-0.09, 0.09) * 2 * SIDE
    outlines = []
    for i in range(n):
        canvas, pixels = _number_on_canvas(
            FACES[faces[i]], digits[i], neighbours[i], stroke=int(stroke[i]), gap=float(gap[i])
        )
        grown = 2 * SIDE / pixels  # a digit of this scale is as high as the picture of twice the side
        scale = grown * np.array([width[i], height[i]])
        outlines.append(np.asarray(_placed(canvas, scale, angle[i], slant[i], shift[i]).reduce(2)))
    return np.stack(outlines).astype(np.float32) / 255


def _number_on_canvas(face: str, digit: int, neighbours: np.ndarray, *, stroke: int, gap: float) -> tuple[Any, float]:
    """A digit in the middle of a canvas, its neighbours (−1: none) left and right of it, and its height in pixels."""
    from PIL import Image, ImageDraw

    face_font, canvas = font(face), Image.new("L", (CANVAS, CANVAS))
    pen, text = ImageDraw.Draw(canvas), str(digit)
    left, top, right, bottom = face_font.getbbox(text, anchor="ms", stroke_width=stroke)
    x, y = CANVAS / 2 - (left + right) / 2, CANVAS / 2 - (top + bottom) / 2
    pen.text((x, y), text, font=face_font, fill=255, anchor="ms", stroke_width=stroke)
    for side, other in zip((-1, 1), neighbours):
        if other >= 0:
            step = (face_font.getlength(text) + face_font.getlength(str(other))) / 2 + gap
            pen.text((x + side * step, y), str(other), font=face_font, fill=255, anchor="ms", stroke_width=stroke)
    return canvas, bottom - top


def _placed(canvas: Any, scale: np.ndarray, angle: float, slant: float, shift: np.ndarray) -> Any:
    """A picture of twice the side: the canvas scaled, slanted, turned, and moved away from the middle."""
    from PIL import Image

    c, s = math.cos(angle), math.sin(angle)
    forward = np.array([[c, -s], [s, c]]) @ np.array([[1, slant], [0, 1]]) * scale
    (a, b), (d, e) = np.linalg.inv(forward)
    u, v = SIDE + shift  # where the middle of the digit goes
    inverse = (a, b, CANVAS / 2 - a * u - b * v, d, e, CANVAS / 2 - d * u - e * v)
    return canvas.transform((2 * SIDE, 2 * SIDE), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)


@dataclass(frozen=True)
class _Brush:
    """Random numbers for ``n`` images at once, in the order in which they are asked for."""

    draw: np.random.Generator
    n: int

    def uniform(self, low: float, high: float) -> np.ndarray:
        """A number per image, ``[n, 1, 1, 1]``."""
        return self.draw.uniform(low, high, (self.n, 1, 1, 1)).astype(np.float32)

    def sometimes(self, share: float) -> np.ndarray:
        """1 for a share of the images and 0 for the others, ``[n, 1, 1, 1]``."""
        return (self.draw.random((self.n, 1, 1, 1)) < share).astype(np.float32)

    def tint(self, strength: float) -> np.ndarray:
        """A colour without brightness, ``[n, 3, 1, 1]``."""
        colour = self.draw.normal(0, strength, (self.n, 3)).astype(np.float32)
        return (colour - (colour * LUMA).sum(1, keepdims=True))[..., None, None]

    def along(self) -> np.ndarray:
        """The coordinate in a random direction, ``[n, 1, 32, 32]``, in about [-1, 1]."""
        angle = self.uniform(0, 2 * math.pi)
        axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
        return np.cos(angle) * axis + np.sin(angle) * axis[:, None]


def paint(mask: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Walls, digits, clutter, light, blur and noise: uint8 ``[n, 3, 32, 32]`` from outlines ``[n, 32, 32]``."""
    brush, digit = _Brush(draw, len(mask)), mask[:, None]
    contrast = brush.uniform(0.3, 0.75) * (1 - 2 * brush.sometimes(0.5))
    room = 0.9 - np.abs(contrast)  # the darker of the two is between 0.05 and 0.05 + room
    brightness = 0.05 + np.maximum(-contrast, 0) + room * brush.uniform(0, 1)
    wall = _with_shadow(_wall(brightness, brush), digit, brush)
    ink = brightness + contrast + brush.tint(0.08) + 0.06 * brush.uniform(-1, 1) * brush.along()
    image = wall * (1 - digit) + digit * ink
    image = _blurred(image * (1 + 0.25 * brush.uniform(-1, 1) * brush.along()), brush.uniform(0.2, 1.1))
    image = image + brush.uniform(0, 0.04) * draw.standard_normal(image.shape, dtype=np.float32)
    return np.round(image.clip(0, 1) * 255).astype(np.uint8)


def _wall(brightness: np.ndarray, brush: _Brush) -> np.ndarray:
    """A plain of one colour under uneven light and clouds, sometimes with an edge and a bar: ``[n, 3, 32, 32]``."""
    wall = (
        brightness
        + brush.tint(0.08)
        + 0.1 * brush.uniform(-1, 1) * brush.along()
        + brush.uniform(0, 0.07) * _clouds(brush.draw.normal(size=(brush.n, 1, 5, 5)))
    )
    edge = np.clip((brush.along() - brush.uniform(0.45, 1.2)) * SIDE / 2, 0, 1)  # of a plate, a door or a brick
    wall = wall + edge * brush.sometimes(0.5) * (brush.uniform(-0.25, 0.25) + brush.tint(0.06))
    bar = np.clip(
        (brush.uniform(0.03, 0.15) - np.abs(brush.along() - brush.uniform(0.5, 1.1))) * SIDE / 2, 0, 1
    )  # a cable, a frame, a joint
    return wall + bar * brush.sometimes(0.4) * brush.uniform(-0.35, 0.35)


def _with_shadow(wall: np.ndarray, digit: np.ndarray, brush: _Brush) -> np.ndarray:
    """The wall, sometimes darker one pixel right of and below the digits."""
    shadow = np.zeros_like(digit)
    shadow[..., 1:, 1:] = digit[..., :-1, :-1]
    return wall * (1 - brush.uniform(0.2, 0.6) * brush.sometimes(0.3) * shadow)


def _clouds(values: np.ndarray) -> np.ndarray:
    """A coarse grid ``[n, 1, k, k]`` enlarged to ``[n, 1, 32, 32]`` by straight lines between its points."""
    k = values.shape[-1]
    position = np.linspace(0, k - 1, SIDE)
    below = np.minimum(position.astype(int), k - 2)
    above = (position - below).astype(np.float32)
    for axis, weight in ((2, above[:, None]), (3, above)):
        values = values.take(below, axis) * (1 - weight) + values.take(below + 1, axis) * weight
    return values.astype(np.float32)


def _blurred(images: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Images ``[n, 3, 32, 32]`` under a Gaussian of ``width`` pixels, ``[n, 1, 1, 1]``; borders repeat outwards."""
    taps = np.arange(-4, 5)
    weights = [np.exp(-(tap**2) / (2 * width**2)) for tap in taps]
    total = np.sum(weights, axis=0)
    for axis in (2, 3):
        padded = np.pad(images, [(4, 4) if a == axis else (0, 0) for a in range(4)], mode="edge")
        images = np.zeros_like(images)
        for tap, weight in zip(taps, weights):
            images += padded.take(range(4 + tap, 4 + tap + SIDE), axis) * (weight / total)
    return images
