"""The drawn birds: what the individuals of a species have in common, and what each of them and each of its photographs
has alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colours import COLOURS

BEAKS = ("black", "grey", "yellow", "orange")
LEGS = ("grey", "orange", "black", "yellow")
SIZES = ("small", "medium", "large")
SHAPES = ("short", "long", "curved")  # of the beak
MARKS = ("plain", "wingbars", "streaks")
SCENES = ("sky", "leaves", "water", "grass", "dusk")


@dataclass(frozen=True)
class Species:
    """What a caption can say of every individual: the names of its colours and shapes."""

    colour: str
    crown: str
    wings: str
    belly: str
    beak: str
    beak_shape: str
    legs: str
    size: str
    marks: str
    long_tail: bool
    eye_ring: bool


@dataclass(frozen=True)
class Photograph:
    """What one picture has alone; lengths are in the larger side of the picture, angles in radians."""

    left: bool
    flying: bool
    scene: str
    zoom: float
    shift: tuple[float, float]
    tilt: float
    light: float
    warmth: float
    aspect: float
    seed: int  # of the rest: clouds, leaves, the exact shade of each colour


def make_species(count: int, seed: int) -> list[Species]:
    """``count`` species; each attribute goes through all its values in a random order of its own, so that any large
    enough part of them has them all.
    """
    draw = np.random.default_rng([seed, 1])

    def column(values: tuple[str, ...]) -> list[str]:
        rounds = -(-count // len(values))
        return [values[i] for _ in range(rounds) for i in draw.permutation(len(values))][:count]

    names: dict[str, tuple[str, ...]] = {
        "colour": COLOURS,
        "crown": COLOURS,
        "wings": COLOURS,
        "belly": COLOURS,
        "beak": BEAKS,
        "beak_shape": SHAPES,
        "legs": LEGS,
        "size": SIZES,
        "marks": MARKS,
    }
    columns = {name: column(values) for name, values in names.items()}
    tails, rings = column(("", "long")), column(("", "ring"))
    rows = [{name: values[i] for name, values in columns.items()} for i in range(count)]
    return [Species(**row, long_tail=bool(tail), eye_ring=bool(ring)) for row, tail, ring in zip(rows, tails, rings)]


def take_photograph(draw: np.random.Generator) -> Photograph:
    """Pose, place and light at random, whatever the species."""
    return Photograph(
        left=bool(draw.random() < 0.5),
        flying=bool(draw.random() < 0.3),
        scene=SCENES[draw.integers(len(SCENES))],
        zoom=float(draw.uniform(0.9, 1.08)),
        shift=(float(draw.uniform(-0.07, 0.07)), float(draw.uniform(-0.06, 0.06))),
        tilt=float(draw.normal(0, 0.09)),
        light=float(draw.uniform(0.88, 1.06)),
        warmth=float(draw.normal(0, 0.02)),
        aspect=float(draw.choice([0.8, 1.0, 1.25, 1.33])),
        seed=int(draw.integers(1 << 31)),
    )
