"""Written digits: a stroke of 100 points, and the picture of a pen that follows it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .files import POINTS

SIDE, FINE = 28, 4  # pixels of a picture, and of its side a pixel is drawn with
REACH = 1.5  # a picture shows −1.5 … 1.5 in x and y
_TURN = np.linspace(-0.5 * np.pi, 1.55 * np.pi, 13)

STROKES: tuple[tuple[tuple[float, float], ...], ...] = (  # in one go; y points down
    tuple((-0.6 * float(np.cos(angle)), float(np.sin(angle))) for angle in _TURN),
    ((-0.35, -0.55), (0, -1), (0, -0.3), (0, 0.4), (0, 1)),
    ((-0.6, -0.5), (-0.3, -0.95), (0.3, -0.95), (0.6, -0.5), (0.3, 0), (-0.6, 0.95), (0, 1), (0.7, 0.95)),
    (
        *((-0.5, -0.85), (0, -1), (0.5, -0.7), (0.4, -0.2), (-0.05, -0.02)),
        *((0.5, 0.25), (0.55, 0.7), (0, 1), (-0.55, 0.8)),
    ),
    ((-0.45, -1), (-0.5, -0.4), (-0.5, 0.1), (0, 0.1), (0.45, 0.1), (0.45, -0.8), (0.45, 0.1), (0.45, 1)),
    ((0.6, -1), (0, -1), (-0.45, -0.98), (-0.45, -0.15), (0.2, -0.2), (0.6, 0.3), (0.2, 0.95), (-0.55, 0.85)),
    ((0.4, -1), (-0.3, -0.4), (-0.55, 0.4), (-0.2, 0.95), (0.35, 0.85), (0.5, 0.4), (0.1, 0.05), (-0.45, 0.4)),
    ((-0.6, -0.95), (0, -1), (0.6, -0.95), (0.15, 0), (-0.2, 1)),
    (
        *((0.45, -0.7), (0, -1), (-0.45, -0.65), (0, -0.1), (0.5, 0.5)),
        *((0, 1), (-0.5, 0.5), (0, -0.05), (0.45, -0.7)),
    ),
    ((0.5, -0.5), (0.1, -1), (-0.45, -0.6), (-0.1, -0.1), (0.5, -0.45), (0.45, 0.2), (0.2, 1)),
)


def write_stroke(digit: int, draw: np.random.Generator) -> np.ndarray:
    """Points ``[100, 2]`` at equal distances on a smooth stroke, with a hand's slant, size and unsteadiness."""
    knots = np.array(STROKES[digit]) + draw.normal(0, 0.06, (len(STROKES[digit]), 2))
    slant, (wide, high) = draw.normal(0, 0.18), draw.uniform(0.75, 1.15, 2)
    knots = knots @ np.array([[wide, 0], [-slant, high]]) + draw.normal(0, 0.08, 2)
    curve = _smooth(knots)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = np.linspace(0, lengths[-1], POINTS)
    return np.stack([np.interp(places, lengths, curve[:, axis]) for axis in range(2)], axis=1)


def _smooth(knots: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through all knots, twenty points between two of them."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, 20, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:]):
        pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate([*pieces, knots[-1:]])


def picture(stroke: np.ndarray, width: float) -> np.ndarray:
    """A pen's line, white on black, float32 ``[28, 28]`` in [0, 1]; ``width`` is in pixels."""
    size = SIDE * FINE
    image = Image.new("L", (size, size))
    pen = ImageDraw.Draw(image)
    points = [tuple(point) for point in (stroke + REACH) / (2 * REACH) * size]
    radius = width * FINE / 2
    pen.line(points, fill=255, width=round(2 * radius), joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32) / 255
