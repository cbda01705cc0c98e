"""What is behind, around and on a person: background, clothes, and light."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .canvas import Canvas, Colour, mix, shade
from .person import Person

SIZE = (178, 218)  # width and height of CelebA's aligned images


def background(person: Person) -> Image.Image:
    """The background, 178×218."""
    draw = np.random.default_rng(person.seed)
    first, second = (mix(paint, (200, 205, 210), 0.35) for paint in person.paints)
    width, height = SIZE
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    if person.backdrop == "plain":
        share = np.zeros((height, width))
    elif person.backdrop == "gradient":
        share = (y / height + draw.uniform(-0.5, 0.5) * x / width).clip(0, 1)
    elif person.backdrop == "stripes":
        angle = draw.uniform(0, np.pi)
        share = (
            np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / draw.uniform(24, 60)).clip(-0.3, 0.3) / 0.6
            + 0.5
        )
    elif person.backdrop == "checks":
        side = draw.uniform(18, 40)
        share = ((x // side + y // side) % 2).astype(float)
    elif person.backdrop == "discs":
        centres, radii = draw.uniform((0, 0), SIZE, (12, 2)), draw.uniform(8, 26, 12)
        share = sum(0.5 * ((x - cx) ** 2 + (y - cy) ** 2 < r * r) for (cx, cy), r in zip(centres, radii)).clip(0, 1)
    else:
        coarse = Image.fromarray((255 * draw.random((8, 7))).astype(np.uint8))
        share = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC)) / 255
    paints = np.linspace(first, second, 256).round().astype(np.uint8)
    return Image.fromarray(paints[(255 * np.asarray(share)).astype(np.uint8)])


def body(canvas: Canvas, person: Person) -> None:
    """Neck, shoulders, clothes, necklace and tie, with the origin between the eyes and the mouth."""
    male = person.has["Male"]
    neck, width = (20, 66) if male else (14, 54)
    dark = shade(person.skin, -0.22)
    canvas.polygon([(-neck, 20), (neck, 20), (neck + 2, 72), (-neck - 2, 72)], dark)
    canvas.polygon([(-neck + 2, 46), (neck - 2, 46), (neck, 72), (-neck, 72)], person.skin, 0.55)
    opening = 12 if person.has["Wearing_Necktie"] else 18 if male else 26
    low = 66 if person.has["Wearing_Necktie"] else 72 if male else 82
    canvas.polygon([(-neck - 9, 61), (neck + 9, 61), (opening, low + 6), (-opening, low + 6)], person.skin)
    for side in (-1, 1):
        shoulder = [
            (side * (neck - 1), 54),
            (side * (neck + 12), 59),
            (side * width, 68),
            (side * (width + 9), 84),
            (side * (width + 10), 120),
        ]
        canvas.polygon([*shoulder, (0, 120), (0, low), (side * opening * 0.6, low - 5)], person.clothes)
        canvas.stroke(
            [(side * (neck - 1), 54), (side * opening * 0.7, low - 6), (0, low + 1)], 4, shade(person.clothes, -0.35)
        )
    if person.has["Wearing_Necktie"]:
        _tie(canvas, person)
    if person.has["Wearing_Necklace"]:
        string = [(-neck - 5, 53), (-neck + 2, 62), (0, 68), (neck - 2, 62), (neck + 5, 53)]
        canvas.stroke(string, 3.4, person.trinkets)
        for t in np.linspace(-0.9, 0.9, 7):
            canvas.ellipse(t * (neck + 2), 68 - 12 * t * t, 2.8, 2.8, shade(person.trinkets, 0.15))
        canvas.ellipse(0, 71, 4.2, 4.8, shade(person.trinkets, -0.1))


def _tie(canvas: Canvas, person: Person) -> None:
    """A white collar, and a tie of the colour that the background also uses."""
    colour: Colour = person.paints[1]
    for side in (-1, 1):
        canvas.polygon([(side * 20, 50), (side * 24, 60), (side * 12, 76), (0, 62)], (246, 246, 248))
    canvas.polygon([(-6, 59), (6, 59), (4.5, 68), (-4.5, 68)], shade(colour, -0.3))
    canvas.polygon([(-4.5, 68), (4.5, 68), (10, 120), (-10, 120)], colour)
    for y in (76, 88):
        canvas.polygon([(-6, y), (6, y - 5), (6, y - 1), (-6, y + 4)], shade(colour, 0.5))


def lit(image: Image.Image, person: Person) -> Image.Image:
    """Brightness, and light from one side."""
    brightness, strength, direction = person.light
    width, height = SIZE
    x, y = np.linspace(-1, 1, width, dtype=np.float32)[None], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    factor = brightness + strength * (np.float32(np.cos(direction)) * x + np.float32(np.sin(direction)) * y)
    return Image.fromarray(np.minimum(np.asarray(image) * factor[..., None], 255).astype(np.uint8))
