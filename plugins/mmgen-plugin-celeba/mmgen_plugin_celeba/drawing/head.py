"""Ears, the shape of the face, and what lies on its skin."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, mix, shade
from .person import Person

ROSE = (232, 60, 90)
_COS, _SIN = (f(np.arange(60) * np.pi / 30) for f in (np.cos, np.sin))


def outline(person: Person, grow: float = 0.0) -> np.ndarray:
    """Points ``[60, 2]`` around the face, clockwise from its right side.

    It is a superellipse, angular below for men, tapered for women.
    """
    has = person.has
    rx, ry = 33.0 + 1.5 * has["Male"], 42.0
    power, taper = (2.7, 0.1) if has["Male"] else (2.15, 0.24)
    if has["Oval_Face"]:
        rx, ry, power, taper = rx - 6, ry + 8, 2.0, taper + 0.06
    if has["Chubby"]:
        rx, power, taper = rx + 6, 2.7, -0.06
    bend = np.where(_SIN > 0, power, 2.1)
    x = np.sign(_COS) * np.abs(_COS) ** (2 / bend)
    y = np.sign(_SIN) * np.abs(_SIN) ** (2 / bend)
    x = x * (1 - taper * np.clip(y, 0, 1) ** 2)
    return np.column_stack([(rx + grow) * x, (ry + grow) * y])


def ears(canvas: Canvas, person: Person) -> None:
    """Two ears."""
    reach = np.abs(outline(person)[:, 0]).max()
    for side in (-1, 1):
        canvas.ellipse(side * reach, 0, 5, 9, shade(person.skin, -0.1))
        canvas.ellipse(side * reach, 0, 2.6, 5.5, shade(person.skin, -0.28))


def face(canvas: Canvas, person: Person) -> None:
    """The skin, a second chin below it, and its edge."""
    skin, edge = person.skin, outline(person)
    chin = edge[:, 1].max()
    if person.has["Double_Chin"]:
        canvas.ellipse(0, chin - 3, 26, 15, shade(skin, -0.45))
        canvas.ellipse(0, chin - 4, 24, 13, skin)
    canvas.polygon(outline(person, 1.2), shade(skin, -0.38))
    canvas.polygon(edge, skin)
    if person.has["Double_Chin"]:
        canvas.stroke([(-17, chin - 7), (0, chin - 1), (17, chin - 7)], 3.2, shade(skin, -0.45), taper=0.6)
    if person.has["Bald"]:
        canvas.ellipse(-8, -31, 9, 5, shade(skin, 0.45), 0.8)


def complexion(canvas: Canvas, person: Person) -> None:
    """Cheeks, wrinkles, bags under the eyes, and eye shadow."""
    has, skin = person.has, person.skin
    dark = shade(skin, -0.42)
    for side in (-1, 1):
        if has["High_Cheekbones"]:
            canvas.stroke([(side * 10, 13), (side * 18, 10), (side * 27, 1)], 5, shade(skin, 0.35), 0.8, taper=0.8)
            canvas.stroke([(side * 13, 21), (side * 20, 16), (side * 28, 6)], 3.2, shade(skin, -0.28), 0.7, taper=0.8)
        if has["Rosy_Cheeks"]:
            canvas.ellipse(side * 20, 14, 9.5, 8, ROSE, 0.45)
            canvas.ellipse(side * 20, 14, 7, 6, ROSE, 0.6)
        if has["Bags_Under_Eyes"]:
            purple = mix(shade(skin, -0.4), (96, 60, 120), 0.45)
            canvas.blob(
                [(side * 6, 1), (side * 14, 3), (side * 22, 0), (side * 20, 7), (side * 14, 9), (side * 8, 7)],
                purple,
                0.8,
            )
            canvas.stroke([(side * 7, 6), (side * 14, 9), (side * 21, 6)], 1.8, shade(purple, -0.2), taper=0.6)
        if not has["Young"]:
            canvas.stroke([(side * 10, 11), (side * 16, 19), (side * 15, 29)], 2.0, dark, 0.9, taper=0.5)
            for y in (-6.0, -2.0, 2.0):
                canvas.stroke([(side * 25, -2 + y * 0.2), (side * 30, y * 1.5 - 2)], 1.5, dark, 0.9)
    if not has["Young"]:
        for y, reach in ((-22.0, 15), (-26.5, 17), (-31.0, 14)):
            canvas.stroke(
                [(-reach, y), (-reach / 2, y - 1.6), (0, y), (reach / 2, y - 1.6), (reach, y)],
                1.5,
                dark,
                0.8,
                taper=0.5,
            )


def earrings(canvas: Canvas, person: Person) -> None:
    """Two earrings; they are seen on long hair, too."""
    if not person.has["Wearing_Earrings"]:
        return
    reach = np.abs(outline(person)[:, 0]).max() + 2.5
    for side in (-1, 1):
        canvas.ellipse(side * reach, 12, 3.4, 3.4, shade(person.trinkets, -0.3))
        canvas.ellipse(side * reach, 20, 5.2, 6.6, shade(person.trinkets, -0.45))
        canvas.ellipse(side * reach, 20, 4.2, 5.6, person.trinkets)
