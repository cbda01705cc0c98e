"""Who is drawn: attributes with plausible frequencies and dependencies, and what a picture has beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..attributes import ATTRIBUTES
from .canvas import Colour, mix, shade

BACKDROPS = ("plain", "gradient", "stripes", "discs", "checks", "clouds")
HATS = ("beanie", "cap", "brim")


def draw_attributes(draw: np.random.Generator) -> dict[str, bool]:
    """The forty attributes of one person.

    Frequencies are near those of CelebA; what is rare there (hats, bald heads, grey hair, pale skin) is a little more
    frequent, so that a few thousand drawings have enough of it. Beards, ties and receding hair go with ``Male``,
    make-up and long earrings without; nobody has two hair colours, two kinds of hair, or a beard and ``No_Beard``.
    """
    has = dict.fromkeys(ATTRIBUTES, False)
    has["Male"] = _chance(draw, 0.42)
    has["Young"] = _chance(draw, 0.68 if has["Male"] else 0.84)
    _draw_hair(has, draw)
    _draw_beard(has, draw)
    _draw_adornments(has, draw)
    _draw_features(has, draw)
    has["Attractive"] = _chance(draw, 1 / (1 + np.exp(-1.7 * _charm(has))))
    return has


def _chance(draw: np.random.Generator, probability: float) -> bool:
    return bool(draw.random() < probability)


def _draw_hair(has: dict[str, bool], draw: np.random.Generator) -> None:
    """Bald heads and hats, then colour, kind and bangs of the hair."""
    male, young = has["Male"], has["Young"]
    bald = has["Bald"] = male and _chance(draw, 0.05 if young else 0.18)
    hat = has["Wearing_Hat"] = not bald and _chance(draw, 0.11 if male else 0.06)
    has["Receding_Hairline"] = not (bald or hat) and _chance(draw, (0.1 if young else 0.4) if male else 0.03)
    if bald:
        return
    colours = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "")  # none of them: red
    weights = np.array([0.3, 0.12 if male else 0.27, 0.29, 0.0 if young else 0.75, 0.14])
    if colour := colours[draw.choice(5, p=weights / weights.sum())]:
        has[colour] = True
    kind = draw.random()
    has["Wavy_Hair"] = kind < (0.22 if male else 0.45)
    has["Straight_Hair"] = not has["Wavy_Hair"] and kind > 0.7
    has["Bangs"] = not (hat or has["Receding_Hairline"]) and _chance(draw, 0.1 if male else 0.28)


def _draw_beard(has: dict[str, bool], draw: np.random.Generator) -> None:
    beard = has["Male"] and _chance(draw, 0.45)
    has["No_Beard"] = not beard
    if not beard:
        return
    style = draw.choice(
        ("shadow", "goatee", "mustache", "sideburns", "full", "chin"), p=(0.35, 0.16, 0.12, 0.1, 0.17, 0.1)
    )
    has["5_o_Clock_Shadow"] = style == "shadow" or (style in ("goatee", "sideburns") and _chance(draw, 0.3))
    has["Goatee"] = style in ("goatee", "full")
    has["Mustache"] = style in ("mustache", "full") or (style == "goatee" and _chance(draw, 0.5))
    has["Sideburns"] = style in ("sideburns", "full")


def _draw_adornments(has: dict[str, bool], draw: np.random.Generator) -> None:
    """Make-up, jewellery and ties."""
    male = has["Male"]
    makeup = has["Heavy_Makeup"] = not male and _chance(draw, 0.62 if has["Young"] else 0.45)
    has["Wearing_Lipstick"] = _chance(draw, 0.92) if makeup else not male and _chance(draw, 0.4)
    has["Rosy_Cheeks"] = _chance(draw, 0.22 if makeup else 0.02 if male else 0.1)
    has["Wearing_Earrings"] = _chance(draw, 0.03 if male else 0.33)
    has["Wearing_Necklace"] = _chance(draw, 0.02 if male else 0.24)
    has["Wearing_Necktie"] = male and _chance(draw, 0.2)


def _draw_features(has: dict[str, bool], draw: np.random.Generator) -> None:
    """Eyebrows, mouth, skin, nose, shape of the face, glasses, and whether the picture is blurred."""
    male, young = has["Male"], has["Young"]
    has["Arched_Eyebrows"] = _chance(draw, 0.08 if male else 0.42)
    has["Bushy_Eyebrows"] = _chance(draw, 0.28 if male else 0.06)
    smiling = has["Smiling"] = _chance(draw, 0.41 if male else 0.54)
    has["High_Cheekbones"] = _chance(draw, 0.8 if smiling else 0.15)
    has["Mouth_Slightly_Open"] = _chance(draw, 0.72 if smiling else 0.25)
    has["Narrow_Eyes"] = _chance(draw, 0.18 if smiling else 0.09)
    has["Pale_Skin"] = _chance(draw, 0.08)
    has["Big_Lips"] = _chance(draw, 0.16 if male else 0.31)
    has["Big_Nose"] = _chance(draw, 0.42 if male else 0.11)
    has["Pointy_Nose"] = _chance(draw, 0.12 if has["Big_Nose"] else 0.34)
    chubby = has["Chubby"] = _chance(draw, (0.07 if male else 0.03) if young else 0.2)
    has["Double_Chin"] = _chance(draw, 0.6 if chubby else 0.02)
    has["Oval_Face"] = not chubby and _chance(draw, 0.3)
    has["Bags_Under_Eyes"] = _chance(draw, (0.25 if male else 0.1) + (0.0 if young else 0.2))
    has["Eyeglasses"] = _chance(draw, (0.1 if male else 0.03) + (0.0 if young else 0.1))
    has["Blurry"] = _chance(draw, 0.06)


def _charm(has: dict[str, bool]) -> float:
    """By which ``Attractive`` is drawn: a sum over attributes."""
    return (
        1.8 * has["Young"]
        + 0.9 * has["Heavy_Makeup"]
        + 0.5 * has["Oval_Face"]
        - 1.5 * has["Chubby"]
        - 0.7 * has["Big_Nose"]
        - 0.7 * has["Bags_Under_Eyes"]
        - 0.5 * has["Male"]
        - 1.2
    )


@dataclass(frozen=True)
class Person:
    """Attributes, and the private factors of one picture.

    These are colours within their class, pose, background, light, clothes and styles.
    """

    has: dict[str, bool]
    seed: int
    skin: Colour
    hair: Colour
    eyes: Colour
    clothes: Colour
    trinkets: Colour
    shift: tuple[float, float]
    size: float
    tilt: float
    turn: float
    length: float  # of long hair, in pixels below the chin
    parting: float
    hat: str
    backdrop: str
    paints: tuple[Colour, Colour]
    light: tuple[float, float, float]  # brightness, strength and direction of the light from one side
    glasses: str


HAIR = {
    "Black_Hair": ((16, 14, 18), (38, 32, 34)),
    "Blond_Hair": ((214, 176, 84), (246, 222, 140)),
    "Brown_Hair": ((84, 50, 26), (120, 76, 42)),
    "Gray_Hair": ((142, 144, 150), (206, 208, 212)),
    "": ((158, 52, 18), (196, 84, 34)),
}
TONES = ((238, 188, 152), (222, 166, 122), (190, 132, 90), (150, 98, 62), (112, 70, 46))
EYES = ((70, 42, 24), (52, 104, 168), (64, 124, 70), (110, 116, 124))
METALS = ((250, 206, 60), (236, 240, 246), (220, 40, 90), (40, 190, 200))


def draw_person(draw: np.random.Generator, has: dict[str, bool] | None = None) -> Person:
    """Somebody with the given attributes, or with drawn ones."""
    has = draw_attributes(draw) if has is None else has

    def vivid() -> Colour:
        red, green, blue = draw.permutation(
            [draw.integers(20, 90), draw.integers(60, 190), draw.integers(130, 235)]
        ).tolist()
        return red, green, blue

    tone = draw.random() * (len(TONES) - 1)
    skin = mix(TONES[int(tone)], TONES[int(tone) + 1], tone % 1)
    if has["Pale_Skin"]:
        skin = mix((255, 240, 232), (248, 228, 220), draw.random())
    hair = mix(*HAIR[next((name for name in HAIR if name and has[name]), "")], draw.random())
    return Person(
        has=has,
        seed=int(draw.integers(2**31)),
        skin=skin,
        hair=shade(hair, -0.4) if has["Bald"] else hair,
        eyes=EYES[draw.integers(4)],
        clothes=vivid(),
        trinkets=METALS[draw.integers(4)],
        shift=(float(draw.normal(0, 3)), float(draw.normal(0, 3))),
        size=float(draw.uniform(0.92, 1.1)),
        tilt=float(np.clip(draw.normal(0, 5), -12, 12)),
        turn=float(draw.uniform(-5, 5)),
        length=float(draw.uniform(-4, 34)),
        parting=float(draw.uniform(-14, 14)),
        hat=HATS[draw.integers(3)],
        backdrop=BACKDROPS[draw.integers(6)],
        paints=(vivid(), vivid()),
        light=(float(draw.uniform(0.88, 1.08)), float(draw.uniform(0, 0.22)), float(draw.uniform(0, 2 * np.pi))),
        glasses=("round", "square")[draw.integers(2)],
    )
