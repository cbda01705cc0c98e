"""What draws of values say: what is most likely, between which bounds values lie, and how many fit into memory.

It is what ``Run.impute`` writes into a table, and what the metric ``imputation`` therefore judges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data import Modality
from ..distributions.likelihoods import CODES, Support
from ..models import MultimodalVAE, rows_whose_subset

CELLS_AT_ONCE = 2**22  # drawn values that are held in memory, of each modality
NUMBERS: tuple[Support, ...] = ("real", "positive", "unit", "counts")  # what has a standard deviation and quantiles


def supports_of(modality: Modality) -> tuple[Support, ...]:
    """What the values of a modality are: one word for all of them, or one for each."""
    return getattr(modality, "value_supports", None) or (modality.make_likelihood().support,)


def most_likely(drawn: Tensor, modality: Modality) -> Tensor:
    """One value ``[N, *shape]`` of the means of p(x | z) for several draws of z, ``[K, N, *shape]``: their mean in
    float64; of categories and symbols, of which these are the most probable ones, the most frequent.
    """
    coded = torch.tensor([support in CODES for support in supports_of(modality)], device=drawn.device)
    if coded.all():
        return drawn.mode(0).values
    mean = drawn.mean(0, dtype=torch.float64)
    return torch.where(coded, drawn.mode(0).values.double(), mean) if coded.any() else mean


def quantiles(drawn: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Quantiles ``[levels, ...]`` of K draws ``[K, ...]``, at the places p (K + 1) of the sorted ones (Weibull 1939).

    One more draw lies between those of p and 1 − p with a probability of exactly 1 − 2p, where both places exist: p is
    at least 1/(K + 1). At the places p (K − 1) + 1, NumPy's own, it would be 86.5 instead of 90 % for K = 50.
    """
    count = len(drawn)
    ordered = np.sort(drawn, axis=0)
    places = np.clip(np.asarray(levels) * (count + 1), 1, count) - 1
    below = np.minimum(np.floor(places).astype(int), count - 1)
    above = np.minimum(below + 1, count - 1)
    share = (places - below).reshape(-1, *[1] * (drawn.ndim - 1))
    found: np.ndarray = ordered[below] + share * (ordered[above] - ordered[below])
    return found


def rows_that_fit(draws: int, numbers: int, most: int) -> int:
    """Rows at a time, ``most`` at most, of so many ``numbers`` each that are drawn so often."""
    return max(1, min(most, CELLS_AT_ONCE // (draws * max(1, numbers))))


def inferable(model: MultimodalVAE, asked: Tensor) -> Tensor:
    """The rows ``Bool[N]`` that have something of what is asked ``[N, M]`` from which the objective infers z."""
    return rows_whose_subset(model, asked, model.infers)
