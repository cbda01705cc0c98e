"""Text modalities as strings, and the nearest of some words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from ..data import Modality


def strings(modality: Modality, values: Tensor) -> list[str]:
    """Values ``[N, L]`` of a text modality as strings."""
    return [str(modality.cells(value)[0]) for value in values.cpu().numpy()]


def nearest_words(modality: Modality, values: Tensor, words: Sequence[str]) -> np.ndarray:
    """Which of ``words`` each value ``[N, L]`` is nearest to in edit distance, without its blanks: ``[N]``, −1 where
    two are equally near.
    """
    texts = [text.replace(" ", "") for text in strings(modality, values)]
    distances = cdist(texts, [word.replace(" ", "") for word in words], scorer=Levenshtein.distance)
    nearest = distances.min(1, keepdims=True)
    return np.where((distances == nearest).sum(1) == 1, distances.argmin(1), -1)
