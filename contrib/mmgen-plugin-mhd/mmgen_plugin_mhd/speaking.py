"""Spoken digits: spectrograms of 32 bands and 96 frames, made of the formants of English words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BANDS, FRAMES = 32, 96


class Sound(NamedTuple):
    """A part of a word: its share of the time, its formants at begin and end (in bands), and how loud voice and hiss
    are.
    """

    time: float
    begin: tuple[float, float]
    end: tuple[float, float]
    voice: float
    hiss: float


def _vowel(time: float, first: float, second: float, *, to: tuple[float, float] | None = None) -> Sound:
    return Sound(time, (first, second), to or (first, second), 1.0, 0.0)


S, F, T = Sound(1.2, (6, 26), (6, 26), 0, 0.9), Sound(1, (6, 22), (6, 22), 0, 0.4), Sound(0.4, (5, 24), (5, 24), 0, 0.6)
Z, V, N = (
    Sound(1, (4, 26), (4, 26), 0.4, 0.6),
    Sound(0.6, (4, 14), (4, 14), 0.4, 0.1),
    Sound(0.9, (3, 15), (3, 15), 0.5, 0),
)
R, W, GAP = _vowel(0.5, 6, 12), _vowel(0.6, 5, 8), Sound(0.5, (5, 20), (5, 20), 0, 0)
AY, IH = _vowel(2, 13, 15, to=(7, 22)), _vowel(1.2, 7, 20)
WORDS: tuple[tuple[Sound, ...], ...] = (
    (Z, IH, R, _vowel(1.6, 9, 11, to=(6, 9))),
    (W, _vowel(1.6, 12, 15), N),
    (T, _vowel(2.4, 6, 12)),
    (F, R, _vowel(2, 5, 23)),
    (F, _vowel(1.8, 10, 12), R),
    (F, AY, V),
    (S, IH, GAP, T, S),
    (S, _vowel(1, 10, 19), V, _vowel(0.8, 10, 16), N),
    (_vowel(2, 8, 20, to=(6, 23)), GAP, T),
    (N, AY, N),
)


def speak(digit: int, draw: np.random.Generator) -> np.ndarray:
    """A spectrogram float32 ``[32, 96]`` in [0, 1], with a voice's height, tempo, loudness and breath."""
    height, loud = draw.uniform(0.85, 1.15), draw.uniform(0.6, 1)
    times = np.array([part.time for part in WORDS[digit]]) * draw.uniform(0.8, 1.25, len(WORDS[digit]))
    start, length = draw.uniform(5, 20), draw.uniform(50, 70)
    ends = start + length * np.cumsum(times) / times.sum()
    bands, spectrum = np.arange(BANDS)[:, None], np.zeros((BANDS, FRAMES))
    begin = start
    for part, end in zip(WORDS[digit], ends):
        inside = (np.arange(FRAMES) + 0.5 - begin) / (end - begin)  # 0 … 1 within this part
        edge = 1 / (1 + np.exp(-np.clip(np.minimum(inside, 1 - inside) * (end - begin), -30, 30)))
        course = np.clip(inside, 0, 1)
        for first, last, width in zip(part.begin, part.end, (1.6, 2.2)):
            centre = height * (first + (last - first) * course)
            spectrum += edge * part.voice * np.exp(-((bands - centre) ** 2) / (2 * width**2))
        spectrum += (
            edge
            * part.hiss
            * (0.8 + 0.4 * draw.random((BANDS, FRAMES)))
            / (1 + np.exp(-(bands - 0.8 * part.begin[1] * height) / 2))
        )
        begin = end
    noise = 0.05 * draw.random((BANDS, FRAMES))
    return np.clip(loud * 0.8 * spectrum + noise, 0, 1).astype(np.float32)
