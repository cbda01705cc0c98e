"""The third modality: the English word of a digit, somewhere in a string of eight characters."""

from __future__ import annotations

import numpy as np

LENGTH = 8
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# The 71 characters of the released code, in its order. The hyphen occurs twice; the first one counts.
ALPHABET = (
    *"abcdefghijklmnopqrstuvwxyz",
    *"0123456789",
    *"-,;.!?:'\"\\/|_@#$%^&*~`+-=<>()[]{}",
    " ",
    "\n",
)
BLANK = ALPHABET.index(" ")


def write_words(digits: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Codes uint8 ``[N, 8]`` of the words of ``digits`` ``[N]``, blanks around them.

    A word starts at a place drawn uniformly from 0 … 7 − its length, so that the last of the eight characters is always
    a blank, as in the released code of MoPoE-VAE (Sutter, Daunhawer and Vogt 2021). That code draws it anew at every
    access; here a tuple keeps its text.
    """
    codes = np.full((len(WORDS), LENGTH), BLANK, dtype=np.uint8)
    for digit, word in enumerate(WORDS):
        codes[digit, : len(word)] = [ALPHABET.index(letter) for letter in word]
    lengths = np.array([len(word) for word in WORDS])
    starts = draw.integers(0, LENGTH - lengths[digits])  # the upper end is not drawn
    shifted = (
        np.arange(LENGTH) - starts[:, None]
    ) % LENGTH  # what leaves on the right are blanks, which return on the left
    return np.take_along_axis(codes[digits], shifted, axis=1)
