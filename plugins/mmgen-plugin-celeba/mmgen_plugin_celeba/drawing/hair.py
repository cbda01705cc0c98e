"""Hair behind and above the face, bangs, hats, and beards."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, curve, shade
from .head import outline
from .person import Person


def _arc(person: Person, width: float, top: float, start: float, ripple: float) -> np.ndarray:
    """The outer edge of the hair from ear to ear over the head; ``ripple`` is the height of its waves."""
    t = np.linspace(np.pi + start, 2 * np.pi - start, 49)
    wave = 1 + ripple * np.sin(np.arange(49) * 2 * np.pi / 8 + person.seed % 6)
    return np.column_stack([width * np.cos(t) * wave, top * np.sin(t) * wave])


def _ripple(person: Person) -> float:
    return 0.055 if person.has["Wavy_Hair"] else 0.0


def behind(canvas: Canvas, person: Person) -> None:
    """Long hair, which women have."""
    if person.has["Male"] or person.has["Bald"]:
        return
    wavy, straight = person.has["Wavy_Hair"], person.has["Straight_Hair"]
    low = 42 + person.length
    y = np.linspace(-4, low, 25)
    swing = 4.5 * np.sin(y / 4.2 + person.seed % 5) if wavy else np.zeros(25)
    flare = 44 + (0 if straight else 6 * np.sin((y + 4) / (low + 4) * np.pi)) + swing
    if not wavy and not straight:
        flare = flare - 16 * ((y + 4) / (low + 4)) ** 4  # rolled in at the ends
    right, left = np.column_stack([flare, y]), np.column_stack([-flare, y])[::-1]
    canvas.polygon(
        np.concatenate([_arc(person, 44, 55, 0.05, _ripple(person)), right, left]), shade(person.hair, -0.18)
    )
    _strands(canvas, person, [(side * (38 + k * 4), side) for side in (-1, 1) for k in (-1, 1)], 2, low - 3)


def _strands(canvas: Canvas, person: Person, starts: list[tuple[float, int]], high: float, low: float) -> None:
    """Waves or straight lines within the hair; hair that is neither has none."""
    wavy = person.has["Wavy_Hair"]
    if not wavy and not person.has["Straight_Hair"]:
        return
    light = shade(person.hair, 0.22 if person.has["Black_Hair"] or not person.has["Blond_Hair"] else -0.25)
    y = np.linspace(high, low, 14)
    for x, side in starts:
        bend = 3.2 * np.sin(y / 4.2 + person.seed % 5) if wavy else np.zeros(14)
        canvas.stroke(np.column_stack([x + side * bend, y]), 2.4 if wavy else 1.6, light)


def above(canvas: Canvas, person: Person) -> None:
    """Hair between the hairline and the top of the head, with a parting, receding corners, and bangs."""
    has = person.has
    if has["Bald"]:
        return
    width, top = (38, 51) if has["Male"] else (43, 56)
    if has["Wavy_Hair"]:
        width, top = width + 2, top + 3
    outer = _arc(person, width, top, 0.1 if has["Male"] else -0.12, _ripple(person))
    canvas.polygon(np.concatenate([outer, curve(_hairline(person))]), person.hair)
    _highlights(canvas, person, width, top)
    if has["Bangs"]:
        _bangs(canvas, person)


def _hairline(person: Person) -> list[tuple[float, float]]:
    """The lower edge of the hair from the right to the left temple."""
    parting = person.parting
    if person.has["Receding_Hairline"]:
        return [(33, -8), (32, -27), (21, -45), (7, -38), (0, -35), (-7, -38), (-21, -45), (-32, -27), (-33, -8)]
    if person.has["Male"]:
        return [(33, -6), (31, -17), (24, -26), (parting, -31), (-24, -26), (-31, -17), (-33, -6)]
    right: list[tuple[float, float]] = [(36, 14), (31, -8), (24, -22)]
    middle = [(parting + 6, -33), (parting, -37), (parting - 6, -33)]
    return [*right, *middle, (-24, -22), (-31, -8), (-36, 14)]


def _highlights(canvas: Canvas, person: Person, width: float, top: float) -> None:
    """Strands of straight hair, waves, or a sheen."""
    dark, light = shade(person.hair, -0.35), shade(person.hair, 0.3)
    if person.has["Straight_Hair"]:
        for x in np.linspace(-0.85, 0.85, 8):
            canvas.stroke(
                [(0.4 * person.parting + 20 * x, -top + 5 + 8 * x * x), (x * (width - 3), -33 + 14 * x * x)],
                1.5,
                light if abs(x) < 0.5 else dark,
                taper=0.4,
            )
    elif person.has["Wavy_Hair"]:
        for y in (-top + 6, -top + 12):
            x = np.linspace(-24, 24, 17)
            canvas.stroke(
                np.column_stack([x, y + 0.017 * x * x + 2 * np.sin(x / 2.4)]),
                1.8,
                light if y < -top + 8 else dark,
                taper=0.3,
            )
    else:
        canvas.stroke([(-22, -38), (-8, -top + 7), (10, -top + 6)], 4, light, 0.7, taper=0.8)


def _bangs(canvas: Canvas, person: Person) -> None:
    """A fringe down to the eyebrows, ragged below."""
    x = np.linspace(-30, 30, 13)
    ragged = -17 - 0.004 * x * x + np.where(np.arange(13) % 2, 3.0, -1.5)
    canvas.polygon(
        [
            (-33, -14),
            (-34, -30),
            (-20, -46),
            (0, -49),
            (20, -46),
            (34, -30),
            (33, -14),
            *np.column_stack([x, ragged])[::-1],
        ],
        person.hair,
    )
    for edge in x[1:-1:2]:
        canvas.stroke([(edge * 0.8, -40), (edge, -19)], 1.5, shade(person.hair, -0.4), taper=0.3)


def hat(canvas: Canvas, person: Person) -> None:
    """A knitted hat, a cap, or a hat with a brim."""
    if not person.has["Wearing_Hat"]:
        return
    colour, second = person.paints[0], shade(person.paints[0], 0.45)
    dome = np.column_stack([46 * np.cos(t := np.linspace(np.pi, 2 * np.pi, 30)), -22 + 42 * np.sin(t)])
    if person.hat == "brim":
        dome = np.array([(-34, -22), (-32, -52), (-24, -62), (0, -59), (24, -62), (32, -52), (34, -22)])
    canvas.polygon(dome, colour)
    if person.hat == "beanie":
        canvas.polygon([(-48, -34), (48, -34), (46, -19), (-46, -19)], second)
        canvas.ellipse(0, -66, 9, 8, second)
    elif person.hat == "cap":
        canvas.stroke([(0, -64), (0, -26)], 2, shade(colour, -0.3))
        canvas.blob([(-46, -22), (0, -30), (46, -22), (40, -12), (0, -17), (-40, -12)], shade(colour, -0.4))
    else:
        canvas.polygon([(-34, -34), (34, -34), (34, -24), (-34, -24)], shade(colour, -0.55))
        canvas.ellipse(0, -21, 62, 8, shade(colour, -0.15))


def beard(canvas: Canvas, person: Person) -> None:
    """Shadow, sideburns, goatee and mustache; and a full beard where none of them is named.

    The last is drawn only where ``No_Beard`` is false.
    """
    has = person.has
    edge = outline(person, 0.5)
    colour = shade(person.hair, -0.25)
    chin = edge[:, 1].max()
    lower = edge[(edge[:, 1] > 6)]
    if has["5_o_Clock_Shadow"]:
        around = [(-17, 14), (-8, 16), (0, 15), (8, 16), (17, 14)]
        canvas.polygon(np.concatenate([lower[np.argsort(-lower[:, 0])], around]), (44, 50, 62), 0.42)
    named = [has[name] for name in ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns")]
    if all(named[1:]) or not (has["No_Beard"] or any(named)):
        inner = curve([(-27, 8), (-19, 24), (-10, 35), (0, 36), (10, 35), (19, 24), (27, 8)])
        canvas.polygon(np.concatenate([lower[np.argsort(-lower[:, 0])], inner]), colour)
    if has["Sideburns"]:
        for side in (-1, 1):
            reach = np.abs(edge[:, 0]).max()
            canvas.polygon(
                [
                    (side * reach, -18),
                    (side * (reach - 9), -16),
                    (side * (reach - 11), 17),
                    (side * (reach - 4), 22),
                    (side * reach, 6),
                ],
                colour,
            )
    if has["Goatee"]:
        canvas.blob([(-11, 33), (0, 35), (11, 33), (9, chin + 2), (0, chin + 7), (-9, chin + 2)], colour)
    if has["Mustache"]:
        for side in (-1, 1):
            canvas.blob(
                [(0, 15.5), (side * 8, 15), (side * 16, 21), (side * 17, 25), (side * 8, 21.5), (0, 21)], colour
            )
