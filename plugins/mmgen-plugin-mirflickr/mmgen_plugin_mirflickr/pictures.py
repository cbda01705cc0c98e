"""What is known of pictures, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix

GLOBAL, WORDS = 1857, 2000  # GIST and MPEG-7 descriptors, and a histogram of dense visual words (PHOW)
FEATURES = GLOBAL + WORDS
TAGS = 2000
CONCEPTS = 38  # 24, and 14 of them in a strict sense


@dataclass(frozen=True)
class Pictures:
    """``N`` pictures; features in parts that follow one another, so that large files stay on disk.

    Attributes:
        features: ``[n, 3857]`` of each part.
        tags: Sparse ``[N, 2000]``: how often each picture has each tag.
    """

    features: Sequence[np.ndarray]
    tags: csr_matrix

    def __len__(self) -> int:
        return sum(len(block) for block in self.features)

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 ``[n, 3857]`` and tags uint8 ``[n, 2000]`` of sorted ``rows``."""
        starts = np.cumsum([0, *(len(block) for block in self.features)])
        block_rows = [rows[(rows >= start) & (rows < end)] - start for start, end in pairwise(starts)]
        features = [np.asarray(block[index], dtype=np.float32) for block, index in zip(self.features, block_rows)]
        return np.concatenate(features), np.minimum(self.tags[rows].toarray(), 255).astype(np.uint8)

    def find_tagged(self, fewest: int) -> np.ndarray:
        """Rows with at least so many tags."""
        return np.flatnonzero(np.diff(self.tags.indptr)[: len(self)] >= fewest)


@dataclass(frozen=True)
class Collection:
    """Labelled pictures with a split, and unlabelled ones.

    Attributes:
        labelled: The pictures with labels.
        labels: 0 and 1, int64 ``[N, 38]``.
        splits: Rows of the labelled pictures, by side.
        unlabelled: Pictures without; None where they are not wanted.
    """

    labelled: Pictures
    labels: np.ndarray
    splits: dict[str, np.ndarray]
    unlabelled: Pictures | None
