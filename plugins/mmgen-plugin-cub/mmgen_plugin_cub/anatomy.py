"""The parts of a drawn bird that both poses share: body and belly, folded wing, head.

In its own coordinates a bird looks to the right, its body is about 1 long with its middle in the origin, and y points
down.
"""

from __future__ import annotations

import numpy as np

from .pen import Colour, Pen, arc
from .species import Species

Shades = dict[str, Colour]

HEAD = {"small": 0.32, "medium": 0.29, "large": 0.26}  # radius
BODY = {"small": (0.48, 0.36), "medium": (0.52, 0.33), "large": (0.55, 0.31)}  # half axes


def draw_body(pen: Pen, species: Species, shade: Shades, head: tuple[float, float], turn: float) -> None:
    """The trunk with the neck in the bird's colour, and the belly from the breast down to the tail."""
    a, b = BODY[species.size]
    radius = HEAD[species.size]
    neck = np.array(
        [
            [-0.1, -0.8 * b],
            [head[0] - 0.8 * radius, head[1] + 0.2],
            [head[0] + 0.75 * radius, head[1] + 0.1],
            [0.9 * a, 0.05],
        ]
    )
    colour = shade[species.colour]
    pen.fill(neck, colour)
    pen.fill(arc((0, 0), (a, b), turn=turn), colour)
    pen.pen.polygon(pen.at(neck), fill=colour)  # over the rim between neck and trunk
    lower = arc((0, 0), (a, b), -0.35, 0.86 * np.pi, turn=turn)
    upper = arc((0.02, 0.03), (0.86 * a, 0.34 * b), 0.86 * np.pi, -0.35, turn=turn)
    pen.fill(np.concatenate([lower, upper]), shade[species.belly])
    if species.marks == "streaks":
        dark = (60, 50, 46) if species.belly not in ("black", "brown") else (214, 206, 190)
        for x, y in ((0.34, -0.06), (0.26, 0.1), (0.12, 0.16), (-0.02, 0.22), (0.12, 0.02), (-0.14, 0.25)):
            right, down = x * a / 0.52, (y + 0.04) * b / 0.33
            pen.line(np.array([[right, down], [right - 0.02, down + 0.09]]), dark, 0.035)


def draw_wing(
    pen: Pen, species: Species, shade: Shades, centre: np.ndarray, turn: float, long: float, wide: float
) -> None:
    """A folded wing, its tip towards the tail."""
    tip = centre + np.array([-long - 0.14, 0.3 * long + 0.06])
    rounded = arc((centre[0], centre[1]), (long, wide), -0.78 * np.pi, 0.78 * np.pi, turn=turn)
    pen.fill(np.concatenate([rounded, tip[None]]), shade[species.wings])
    if species.marks == "wingbars":
        for share in (-0.05, 0.35):
            along = np.array([np.cos(turn), np.sin(turn)]) * share * long
            across = np.array([-np.sin(turn), np.cos(turn)]) * wide * 0.72
            pen.line(np.stack([centre + along - across, centre + along + across]), bar(species), 0.055)


def bar(species: Species) -> Colour:
    """Bars are white; on white wings they would not be seen, and are grey."""
    return (176, 176, 174) if species.wings == "white" else (248, 248, 244)


def draw_head(pen: Pen, species: Species, shade: Shades, head: tuple[float, float]) -> None:
    """Head, crown, beak and eye."""
    x, y = head
    radius = HEAD[species.size]
    beak = {"short": 0.2, "long": 0.46, "curved": 0.34}[species.beak_shape]
    base = x + 0.86 * radius
    shape = [[base, y - 0.07], [base + beak, y + 0.05], [base, y + 0.11]]
    if species.beak_shape == "curved":
        shape = [
            [base, y - 0.08],
            [base + 0.7 * beak, y - 0.02],
            [base + beak, y + 0.2],
            [base + 0.62 * beak, y + 0.1],
            [base, y + 0.12],
        ]
    pen.fill(np.array(shape), shade[species.beak])
    pen.fill(arc(head, (radius, radius)), shade[species.colour])
    # From the forehead over the top to the nape, a little higher than the head itself.
    pen.fill(
        arc((x - 0.02, y - 0.02), (1.06 * radius, 1.14 * radius), 0.86 * np.pi, 1.95 * np.pi), shade[species.crown]
    )
    eye = (x + 0.38 * radius, y + 0.16 * radius)
    size = 0.05 if not species.eye_ring else 0.055
    ring = (250, 250, 250) if species.eye_ring else tuple(int(0.6 * value + 60) for value in shade[species.colour])
    pen.pen.polygon(
        pen.at(arc(eye, (1.75 * size, 1.75 * size) if species.eye_ring else (1.3 * size, 1.3 * size))), fill=ring
    )
    pen.pen.polygon(pen.at(arc(eye, (size, size))), fill=(12, 12, 14))
