"""Captions as words: the tokeniser, the vocabulary and the codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

UNKNOWN, PAD, END = SPECIALS = ("<exc>", "<pad>", "<eos>")  # in the order of their codes
LENGTH = 32  # words of a caption, the end included
MIN_COUNT = 3  # a word of the vocabulary occurs more often than this

_CLITIC = r"'(?:s|m|d|ll|re|ve)(?!\w)"
_TOKEN = re.compile(
    rf"\w+(?=n't(?!\w))|n't(?!\w)|{_CLITIC}"  # do|n't, it|'s
    r"|\.{3,}|--+"
    r"|\d+(?:[.,:]\d+)+"  # 1,000 and 2.5
    rf"|\w+(?:(?!n't(?!\w))(?:[-/]+|(?!{_CLITIC})')\w+)*"  # medium-sized and o'clock are one word
    r"|[^\w\s]"
)


def tokens(caption: str) -> list[str]:
    """The words of a caption in lower case, punctuation apart.

    As the Treebank tokeniser of nltk, with which the released code of MMVAE reads the captions, splits such sentences:
    commas, full stops, brackets and quotation marks stand alone, hyphens and slashes stay within words, and ``'s`` and
    ``n't`` are words. Two differences: a full stop in the middle of a caption is split off too, and quotation marks
    stay as they are written.
    """
    return _TOKEN.findall(caption.lower())


def vocabulary(captions: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The three special words, then every word that occurs more than three times, in the order of first occurrence (Shi
    et al. 2019, released code).
    """
    counts: Counter[str] = Counter()
    for words in captions:
        counts.update(words)
    return (*SPECIALS, *(word for word, count in counts.items() if count > MIN_COUNT and word not in SPECIALS))


def encode(captions: Sequence[Sequence[str]], alphabet: Sequence[str], mask_padding: bool) -> np.ndarray:
    """Codes ``int16 [N, 32]``: at most 31 words, the end, and padding (or −1, which no likelihood counts)."""
    code = {word: number for number, word in enumerate(alphabet)}
    unknown, end = code[UNKNOWN], code[END]
    codes = np.full((len(captions), LENGTH), -1 if mask_padding else code[PAD], dtype=np.int16)
    for row, words in enumerate(captions):
        known = [code.get(word, unknown) for word in words[: LENGTH - 1]]
        codes[row, : len(known) + 1] = [*known, end]
    return codes
