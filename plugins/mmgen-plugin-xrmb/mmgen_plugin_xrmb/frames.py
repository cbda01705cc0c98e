"""What is known of every frame of speech, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

CONTEXT = 7  # frames that are stacked, three on either side
ACOUSTIC = 39 * CONTEXT  # 13 mel-frequency cepstral coefficients with first and second derivatives
ARTICULATORY = 16 * CONTEXT  # horizontal and vertical position of eight pellets
PHONES = 40


@dataclass(frozen=True)
class Frames:
    """``N`` frames in parts that follow one another, so that a large file need not be copied.

    Attributes:
        acoustic: float32 ``[n, 273]`` of each part.
        articulatory: float32 ``[n, 112]`` of each part.
        phone: int64 ``[N]`` in 0 … 39.
        speaker: int64 ``[N]``: the numbers of the speakers in the corpus.
        training: bool ``[N]``: frames of the training part of the files.
    """

    acoustic: Sequence[np.ndarray]
    articulatory: Sequence[np.ndarray]
    phone: np.ndarray
    speaker: np.ndarray
    training: np.ndarray

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both views of some frames, ``[len(rows), 273]`` and ``[len(rows), 112]``; ``rows`` is sorted."""
        starts = np.cumsum([0, *(len(block) for block in self.acoustic)])
        block_rows = [rows[(rows >= start) & (rows < end)] - start for start, end in pairwise(starts)]
        acoustic, articulatory = (
            np.concatenate([block[index] for block, index in zip(view, block_rows)]).astype(np.float32, copy=False)
            for view in (self.acoustic, self.articulatory)
        )
        return acoustic, articulatory
