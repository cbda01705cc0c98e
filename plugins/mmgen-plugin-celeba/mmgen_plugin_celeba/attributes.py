"""The forty attributes of CelebA, the two alphabets, and the text that is made of the attributes."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np

ATTRIBUTES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
    "Wearing_Necktie", "Young",
)  # fmt: skip
"""In the order of the files (Liu et al. 2015)."""

VISIBLE = (
    "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Eyeglasses", "Gray_Hair",
    "Heavy_Makeup", "Male", "Mouth_Slightly_Open", "Mustache", "Pale_Skin", "Receding_Hairline", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Hat",
)  # fmt: skip
"""The eighteen that are visually distinctive (Perarnau et al. 2016), which MVAE (Wu and Goodman 2018) keeps."""

LENGTH = 256
PAD = "*"
_LETTERS = string.ascii_lowercase + string.digits
ALPHABETS = {
    71: tuple(
        _LETTERS + "-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} \n"
    ),  # Sutter et al. 2021; '-' stands in it twice, and its second place is never used
    41: tuple(_LETTERS + '," *\n'),  # "Unity by Diversity"
}


def sentence(present: Sequence[bool] | np.ndarray) -> str:
    """The names of the attributes that are present, ``[40]``, as Sutter et al. 2021 write them.

    In order, in lower case, with blanks, separated by ", "; attributes at the end are left out until it has at most 256
    characters.
    """
    names = [name.replace("_", " ").lower() for name, is_there in zip(ATTRIBUTES, present) if is_there]
    while len(text := ", ".join(names)) > LENGTH:
        names.pop()
    return text


def pad_text(text: str, draw: np.random.Generator) -> str:
    """The text among asterisks, 256 characters in all; it starts at a place drawn uniformly from 0 … 254 − its length.

    A text of 255 or 256 characters starts at 0, as the published rule has no place to draw then.
    """
    start = int(draw.integers(LENGTH - 1 - len(text))) if len(text) < LENGTH - 1 else 0
    return (PAD * start + text).ljust(LENGTH, PAD)


def texts(present: np.ndarray, seed: int) -> list[str]:
    """One text per row of ``[N, 40]``, with start places drawn once from the seed, in the order of the rows."""
    draw = np.random.default_rng(seed)
    return [pad_text(sentence(row), draw) for row in present]


def encode_texts(text: Sequence[str], letters: int) -> np.ndarray:
    """Codes ``[N, 256]`` (uint8) of texts of that length in the alphabet of 71 or 41 letters.

    An unknown letter is a KeyError.
    """
    code = {
        ord(letter): place for place, letter in reversed(list(enumerate(ALPHABETS[letters])))
    }  # of two places, the first counts
    codes = np.full(128, 255, dtype=np.uint8)
    codes[list(code)] = list(code.values())
    return codes[np.frombuffer("".join(text).encode("ascii"), dtype=np.uint8)].reshape(len(text), LENGTH)


def unknown_letter(text: str, letters: int) -> str | None:
    """The first letter that the alphabet does not have."""
    return next((letter for letter in text if letter not in ALPHABETS[letters]), None)
