"""Simulated speech with the dimensions of XRMB: articulators that move from phone to phone, and sounds.

What is shared: seven articulatory parameters (jaw, lips, tongue) approach a target for each phone, in smooth
trajectories in which neighbouring phones blend (coarticulation): each phone holds some parameters tightly and leaves
others to its neighbours. Eight pellets are a linear function of the parameters, different from speaker to speaker, and
are then normalised per speaker, as the providers of the corpus do. Cepstral coefficients are a nonlinear function of
the same parameters, which differs from speaker to speaker too.

What is private: sounds also depend on two parameters of the source (voicing and friction) that no pellet shows, on the
speaker's channel, on loudness and on noise. Twelve pairs of phones differ in their source alone, as /p/ and /b/ do.
Pellets have tracking noise and a slow drift of posture that cannot be heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter1d

from mmgen import track

from .frames import CONTEXT, PHONES, Frames
from .protocols import HELD_OUT

TRAINING = tuple(
    number for number in range(1, 48) if number not in (*HELD_OUT, 42, 44, 46, 47)
)  # 35 speakers, those of the folds among them
PARAMETERS, SOURCE, CHANNELS = 7, 2, 24
TWINS = 12  # pairs of phones with one articulation
UTTERANCE = 120  # frames, of 10 ms each
BLEND = 3.0  # frames over which neighbouring phones blend


@dataclass(frozen=True)
class _Language:
    """What all speakers have in common.

    Targets and weights ``[40, 7]``, sources ``[40, 2]``, and the maps to pellets and sounds.
    """

    targets: np.ndarray
    weights: np.ndarray
    sources: np.ndarray
    pellets: np.ndarray
    channels: np.ndarray
    bias: np.ndarray
    cepstra: np.ndarray


def simulate(frames: int, seed: int) -> Frames:
    """``frames`` frames of each of 43 speakers: 35 for training, and the eight whom the protocols hold out.

    Args:
        frames: Per speaker.
        seed: Of the language, the speakers and what they say.
    """
    language = _language(np.random.default_rng([seed, 0]))
    spoken = [
        _speaker(language, frames, np.random.default_rng([seed, number]))
        for number in track((*TRAINING, *HELD_OUT), "simulating speakers")
    ]
    acoustic, articulatory, phone = (np.concatenate(speakers_parts) for speakers_parts in zip(*spoken))
    speaker = np.repeat((*TRAINING, *HELD_OUT), frames)
    return Frames([acoustic], [articulatory], phone, speaker, np.isin(speaker, TRAINING))


def _language(draw: np.random.Generator) -> _Language:
    places = PHONES - TWINS
    targets = draw.normal(size=(places, PARAMETERS))
    weights = np.where(draw.random((places, PARAMETERS)) < 0.4, 1.0, 0.15)
    sources = draw.normal(size=(places, SOURCE))
    twins = (
        sources[:TWINS] * np.array([-1.0, 1.0]) - np.array([np.sign(sources[:TWINS, 0]), np.zeros(TWINS)]).T
    )  # voicing turned round
    return _Language(
        np.concatenate([targets, targets[:TWINS]]),
        np.concatenate([weights, weights[:TWINS]]),
        np.concatenate([sources, twins]),
        draw.normal(size=(PARAMETERS, 16)),
        draw.normal(size=(PARAMETERS + SOURCE, CHANNELS)) * 0.6,
        draw.normal(size=CHANNELS) * 0.5,
        draw.normal(size=(CHANNELS, 13)) / np.sqrt(CHANNELS),
    )


def _speaker(language: _Language, frames: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Acoustic ``[frames, 273]``, articulatory ``[frames, 112]`` and phones ``[frames]`` of one person."""
    body = language.pellets + 0.25 * draw.normal(size=language.pellets.shape)
    throat = language.channels + 0.15 * draw.normal(size=language.channels.shape)
    bias, channel = language.bias + 0.3 * draw.normal(size=CHANNELS), 0.3 * draw.normal(size=13)
    loud = draw.normal(size=13) * 0.1 + np.eye(13)[0]
    cepstra, pellets, phones = [], [], []
    for start in range(0, frames, UTTERANCE):
        phone = _sentence(min(UTTERANCE, frames - start), draw)
        weight = gaussian_filter1d(language.weights[phone], BLEND, axis=0, mode="nearest")
        moved = (
            gaussian_filter1d(language.weights[phone] * language.targets[phone], BLEND, axis=0, mode="nearest") / weight
        )
        source = gaussian_filter1d(language.sources[phone], 1.0, axis=0, mode="nearest")
        heard = np.tanh(np.concatenate([moved, source], 1) @ throat + bias) @ language.cepstra + channel
        cepstra.append(heard + 0.3 * _slow(len(phone), draw) * loud + 0.15 * draw.normal(size=heard.shape))
        posture = _slow(len(phone), draw) * draw.normal(size=16)
        pellets.append(
            moved @ body + 0.5 * posture + 0.3 * gaussian_filter1d(draw.normal(size=(len(phone), 16)), 0.7, axis=0)
        )
        phones.append(phone)
    every = np.concatenate(pellets)
    centre, scale = every.mean(0), every.std(0)
    articulatory = np.concatenate([_stacked((part - centre) / scale) for part in pellets])
    acoustic = np.concatenate([_stacked(_with_derivatives(part)) for part in cepstra])
    return acoustic.astype(np.float32), articulatory.astype(np.float32), np.concatenate(phones)


def _sentence(frames: int, draw: np.random.Generator) -> np.ndarray:
    """Phones ``[frames]``, each of them for 50 to 140 ms and unlike the one before."""
    steps = draw.integers(1, PHONES, size=frames)
    phones = np.cumsum(steps) % PHONES
    return np.repeat(phones, draw.integers(5, 15, size=frames))[:frames]


def _slow(frames: int, draw: np.random.Generator) -> np.ndarray:
    """A contour ``[frames, 1]`` of variance about one that changes within half a second."""
    return gaussian_filter1d(draw.normal(size=(frames, 1)), 15, axis=0, mode="wrap") * np.sqrt(2 * np.sqrt(np.pi) * 15)


def _with_derivatives(values: np.ndarray) -> np.ndarray:
    """``[n, 13]`` to ``[n, 39]``: with first and second derivatives by regression over two frames on either side."""
    slope = np.array([2, 1, 0, -1, -2]) / 10  # a convolution turns its weights round
    first = convolve1d(values, slope, axis=0, mode="nearest")
    return np.concatenate([values, first, convolve1d(first, slope, axis=0, mode="nearest")], 1)


def _stacked(values: np.ndarray) -> np.ndarray:
    """``[n, d]`` to ``[n, 7 d]``: each frame with three on either side, the outermost repeated."""
    side = CONTEXT // 2
    padded = np.pad(values, ((side, side), (0, 0)), mode="edge")
    return np.concatenate([padded[i : i + len(values)] for i in range(CONTEXT)], 1)
