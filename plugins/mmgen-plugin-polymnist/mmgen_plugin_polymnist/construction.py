"""The published construction: which digits make a tuple, and how a digit is put onto a photograph.

Sutter, Daunhawer and Vogt 2021 (MoPoE-VAE): a tuple shows one class in every modality, by another writer each time. A
random 28×28 crop of the modality's photograph is the background; its colours are inverted where the digit is brighter
than 128. Daunhawer et al. 2022: before that the digit is scaled down and put at a random place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmgen import track
from mmgen_plugin_vision.digits import CLASSES

from .decoding import SIDE

THRESHOLD = 128  # pixels above it belong to the digit
BLOCK = 4096  # tuples at a time


@dataclass(frozen=True)
class Plan:
    """Everything that is drawn at random for the ``N`` images of one modality.

    Attributes:
        rows: Which digit image each one shows, ``[N]``.
        corners: Upper left corner (row, column) of its crop of the photograph, ``[N, 2]``.
        offsets: Where (row, column) the upper left corner of the scaled digit is, ``[N, 2]``; zeros without
            translation.
    """

    rows: np.ndarray
    corners: np.ndarray
    offsets: np.ndarray


def interleave_classes(labels: np.ndarray) -> np.ndarray:
    """An order of rows ``[N]`` in which the classes take turns.

    The first of each, then the second of each, …; so any beginning has all of them.
    """
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), dtype=np.int64)
    sizes = np.bincount(labels)
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.lexsort((labels, rank))


def scaled_side(scale: float) -> int:
    """Side of a digit scaled by ``scale``, as the published generators truncate it: 21 at 0.75, 19 at 0.70."""
    return int(SIDE * scale)


def furthest(scale: float) -> int:
    """How many offsets there are in each direction.

    They are 0 … int(28·(1 − scale)) − 1, as published (7 at 0.75, 8 at 0.70), and 0 alone at scale 1.
    """
    return max(int(SIDE * (1 - scale)), 1)


def make_plan(
    labels: np.ndarray, repeats: int, limit: int | None, size: tuple[int, int], scale: float, draw: np.random.Generator
) -> tuple[Plan, np.ndarray]:
    """Draw one modality.

    Args:
        labels: Classes of the digit images, ``[n]``.
        repeats: How often each image is used: so many permutations of every class, one after the other.
        limit: At most so many tuples; none: all ``n · repeats``.
        size: Height and width of the photograph.
        scale: Of the digit.
        draw: The modality's own random numbers.

    Returns:
        The plan, and the class of every tuple ``[N]``, which depends on ``labels``, ``repeats`` and ``limit`` only:
        tuples of all modalities go together.
    """
    members = [np.flatnonzero(labels == digit) for digit in range(len(CLASSES))]
    rows = np.concatenate([draw.permutation(of) for of in members for _ in range(repeats)])
    rows = rows[interleave_classes(labels[rows])][:limit]
    count = len(rows)
    corners = np.stack([draw.integers(0, extent - SIDE, count, endpoint=True) for extent in size], 1)
    offsets = draw.integers(0, furthest(scale), (count, 2))
    return Plan(rows, corners, offsets), labels[rows]


def scale_down(images: np.ndarray, scale: float) -> np.ndarray:
    """Bilinear interpolation of uint8 ``[n, 28, 28]`` to float32 ``[n, s, s]``.

    Pixel i of the result is read at (i + ½) / scale − ½, between two pixels and without smoothing, as the published
    generator does it.
    """
    if scale == 1:
        return images.astype(np.float32)
    side = scaled_side(scale)
    position = np.clip((np.arange(side) + 0.5) / scale - 0.5, 0, SIDE - 1)
    lower = np.minimum(position.astype(np.int64), SIDE - 2)
    share = position - lower
    weights = np.zeros((side, SIDE), dtype=np.float32)
    weights[np.arange(side), lower] = 1 - share
    weights[np.arange(side), lower + 1] += share
    return weights @ images.astype(np.float32) @ weights.T


def make_images(images: np.ndarray, photograph: np.ndarray, plan: Plan, scale: float, title: str) -> np.ndarray:
    """The images of one modality, uint8 ``[N, 3, 28, 28]``.

    Args:
        images: Digits, uint8 ``[n, 28, 28]``.
        photograph: uint8 ``[height, width, 3]``.
        plan: What goes where.
        scale: Of the digit.
        title: For the progress bar.
    """
    strokes = (
        scale_down(images, scale) > THRESHOLD
    )  # black paper around the digit is below it, so that the digit can be pasted afterwards
    crops = np.lib.stride_tricks.sliding_window_view(
        photograph, (SIDE, SIDE), axis=(0, 1)
    )  # [height − 27, width − 27, 3, 28, 28]
    pixels = np.empty((len(plan.rows), 3, SIDE, SIDE), dtype=np.uint8)
    pixel = np.arange(strokes.shape[1])
    for start in track(range(0, len(pixels), BLOCK), title):
        block = slice(start, start + BLOCK)
        (down, right), (top, left) = plan.offsets[block].T, plan.corners[block].T
        ink = np.zeros((len(down), SIDE, SIDE), dtype=np.uint8)
        at = np.arange(len(down))[:, None, None]
        ink[at, (down[:, None] + pixel)[:, :, None], (right[:, None] + pixel)[:, None, :]] = strokes[
            plan.rows[block]
        ] * np.uint8(255)
        pixels[block] = crops[top, left] ^ ink[:, None]  # of a byte, XOR with 255 is 255 minus it
    return pixels
