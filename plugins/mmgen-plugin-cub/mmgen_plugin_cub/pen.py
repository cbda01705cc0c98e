"""Shapes in the coordinates of a bird, drawn into a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]


class Pen:
    """Draws in the bird's coordinates."""

    def __init__(self, image: Image.Image, scale: float, centre: tuple[float, float], tilt: float, left: bool) -> None:
        self.pen, self.scale, self.centre = ImageDraw.Draw(image), scale, np.array(centre)
        c, s = np.cos(tilt), np.sin(tilt)
        self.matrix = np.array([[-1.0 if left else 1.0, 0], [0, 1]]) @ np.array([[c, -s], [s, c]])

    def at(self, points: np.ndarray) -> list[tuple[float, float]]:
        """In pixels."""
        return [(float(x), float(y)) for x, y in np.asarray(points) @ self.matrix.T * self.scale + self.centre]

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        """A polygon with a thin dark rim, which keeps a bird apart from a background of its colour."""
        rim = tuple(int(0.55 * value) for value in colour)
        placed = self.at(points)
        self.pen.polygon(placed, fill=colour)
        self.pen.line([*placed, placed[0], placed[1]], fill=rim, width=max(2, int(0.03 * self.scale)), joint="curve")

    def line(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """A stroke."""
        self.pen.line(self.at(points), fill=colour, width=max(2, int(width * self.scale)), joint="curve")


def arc(
    centre: tuple[float, float],
    axes: tuple[float, float],
    start: float = 0.0,
    end: float = 2 * np.pi,
    turn: float = 0.0,
) -> np.ndarray:
    """Points of an ellipse from one angle to another, clockwise on the screen (0 is to the right), the ellipse turned:
    ``[n, 2]``.
    """
    angle = np.linspace(start, end, 40)
    points = np.stack([axes[0] * np.cos(angle), axes[1] * np.sin(angle)], 1)
    c, s = np.cos(turn), np.sin(turn)
    return points @ np.array([[c, s], [-s, c]]) + np.array(centre)
