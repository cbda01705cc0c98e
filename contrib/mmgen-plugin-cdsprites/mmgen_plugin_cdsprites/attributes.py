"""What captions say: the attributes of each level, their values, and the captions that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from mmgen import DataError

VALUES = {
    "size": ("small", "big"),
    "colour": ("red", "yellow", "green", "blue", "pink"),
    "shape": ("square", "ellipse", "heart"),
    "position": ("at top left", "at top right", "at bottom left", "at bottom right"),
    "background": ("on light", "on dark"),
}
"""The values of every attribute, in the order of their codes."""

LEVELS = {
    1: ("shape",),
    2: ("size", "shape"),
    3: ("size", "colour", "shape"),
    4: ("size", "colour", "shape", "position"),
    5: ("size", "colour", "shape", "position", "background"),
}
"""The attributes of every level, in the order in which a caption names them."""

ALPHABET = tuple(" abcdefghijklmnopqrstuvwxyz")
"""The 27 characters of the released toolkit, in its order."""


def all_captions(level: int) -> tuple[str, ...]:
    """Every caption of a level: 3, 6, 30, 120 or 240 of them."""
    return tuple(" ".join(words) for words in product(*(VALUES[name] for name in LEVELS[level])))


def caption_length(level: int) -> int:
    """Characters of the longest caption: 7, 13, 20, 36 or 45."""
    return max(map(len, all_captions(level)))


def caption_labels(level: int) -> dict[str, np.ndarray]:
    """For every attribute, its code in each caption: int64 ``[captions]``."""
    names = LEVELS[level]
    codes = np.array(list(product(*(range(len(VALUES[name])) for name in names))), dtype=np.int64)
    return dict(zip(names, codes.T, strict=True))


def caption_codes(level: int, mask_padding: bool) -> np.ndarray:
    """The characters of every caption, blanks (or −1, which no likelihood counts) after its end: int16 ``[captions,
    length]``.
    """
    captions = all_captions(level)
    codes = np.full((len(captions), caption_length(level)), -1 if mask_padding else 0, dtype=np.int16)
    for row, caption in enumerate(captions):
        codes[row, : len(caption)] = [ALPHABET.index(letter) for letter in caption]
    return codes


def read_captions(texts: Sequence[str], level: int, where: str) -> np.ndarray:
    """Which caption of the level each text is: int64 ``[N]``.

    Raises:
        DataError: A text is no caption of this level; the sentence says of which level it is, if of any.
    """
    number = {caption: place for place, caption in enumerate(all_captions(level))}
    for row, text in enumerate(texts):
        if text not in number:
            other = next((each for each in LEVELS if text in all_captions(each)), None)
            hint = f"it is one of level {other}" if other else f"they are like {all_captions(level)[0]!r}"
            raise DataError(f"Text {row + 1} of {where} is {text!r}, which is no caption of level {level}; {hint}.")
    return np.array([number[text] for text in texts], dtype=np.int64)
