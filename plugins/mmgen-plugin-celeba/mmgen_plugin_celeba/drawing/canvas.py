"""Drawing of smooth shapes in a coordinate system that is shifted, turned and enlarged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[Sequence[float]] | np.ndarray

_CIRCLE = np.stack([f(np.arange(28) * np.pi / 14) for f in (np.cos, np.sin)], 1)
_STEPS = np.arange(6)[:, None] / 6
_SPLINE = (
    _STEPS ** np.arange(4) @ np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
)  # of Catmull and Rom: [steps, 4 points]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two: ``share`` of the second one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second))
    return red, green, blue


def shade(colour: Colour, change: float) -> Colour:
    """Darker for a negative change, lighter for a positive one (−1: black, 1: white)."""
    return mix(colour, (255, 255, 255) if change > 0 else (0, 0, 0), abs(change))


def curve(points: Points, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom spline through the points ``[n, 2]``, with six steps between neighbours."""
    p = np.asarray(points, dtype=float)
    around = np.concatenate([p[-1:], p, p[:2]] if closed else [2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    four = np.stack([around[i : len(around) - 3 + i] for i in range(4)], 1)  # [segments, 4, 2]
    spline = (_SPLINE @ four).reshape(-1, 2)
    return spline if closed else np.concatenate([spline, p[-1:]])


class Canvas:
    """Draws on an image of which each unit is ``zoom`` pixels wide, with the origin at ``centre`` (in units), enlarged,
    and turned clockwise.

    Args:
        image: An RGB image.
        zoom: Pixels per unit.
        centre: Where (0, 0) lies, in units from the upper left corner.
        size: Factor by which everything is enlarged.
        angle: Of the turn, in degrees.
    """

    def __init__(
        self, image: Image.Image, zoom: int, centre: tuple[float, float], size: float = 1.0, angle: float = 0.0
    ) -> None:
        self._image, self._zoom = image, zoom
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._scale = zoom * size
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        self._turn = np.array([[cos, sin], [-sin, cos]]) * self._scale
        self._origin = np.asarray(centre, dtype=float) * zoom

    def moved(self, x: float, y: float) -> Canvas:
        """The same canvas with the origin at (x, y)."""
        other = object.__new__(Canvas)
        other.__dict__.update(self.__dict__)
        other._origin = self._origin + np.array([x, y]) @ self._turn
        return other

    def polygon(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """A filled polygon."""
        placed = np.asarray(points, dtype=float) @ self._turn + self._origin
        self._draw.polygon(placed.ravel().tolist(), fill=(*colour, round(255 * alpha)))

    def blob(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """A filled smooth shape through the points."""
        self.polygon(curve(points, closed=True), colour, alpha)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float = 1.0) -> None:
        """A filled ellipse."""
        self.polygon(ellipse(x, y, rx, ry), colour, alpha)

    def stroke(self, points: Points, width: float, colour: Colour, alpha: float = 1.0, taper: float = 0.0) -> None:
        """A smooth line; ``taper`` (0 … 1) is how much thinner its ends are."""
        line = curve(points)
        direction = np.empty_like(line)
        direction[1:-1], direction[0], direction[-1] = line[2:] - line[:-2], line[1] - line[0], line[-1] - line[-2]
        along = np.arange(len(line)) * 2 / (len(line) - 1) - 1  # −1 … 1
        half = width / 2 * (1 - taper * along**2) / np.hypot(direction[:, 0], direction[:, 1])
        normal = direction[:, ::-1] * (-1, 1) * half[:, None]
        self.polygon(np.concatenate([line + normal, (line - normal)[::-1]]), colour, alpha)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Points ``[28, 2]`` on an ellipse."""
    return _CIRCLE * (rx, ry) + (x, y)
