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


def are_whole(supports: Sequence[Support]) -> np.ndarray:
    """Which values are whole numbers that have quantiles, ``Bool[C]``, or ``Bool[1]`` of one word for all."""
    return np.array([support == "counts" for support in supports])


def quantiles(drawn: np.ndarray, levels: Sequence[float], whole: np.ndarray) -> np.ndarray:
    """Quantiles ``[levels, ..., C]`` of K draws ``[K, ..., C]``, at the places p (K + 1) of the sorted ones (Weibull
    1939); of values that are ``whole`` the draws at the whole places around, which are possible values.

    One more draw lies between those of p and 1 − p with a probability of exactly 1 − 2p, where both places exist: p is
    at least 1/(K + 1). At the places p (K − 1) + 1, NumPy's own, it would be 86.5 instead of 90 % for K = 50. Between
    two counts there is no count: up to p = ½ the place below is taken and beyond it the one above, so that one more
    draw is less than the lower one, or more than the upper one, with a probability of p at most. Of many draws both are
    the generalised inverse of the distribution function, the least x with P(X ≤ x) ≥ p.

    Args:
        drawn: The draws.
        levels: The values of p.
        whole: Which of the last dimension are whole numbers, ``Bool[C]`` or ``Bool[1]``.
    """
    count, shares = len(drawn), np.asarray(levels)
    ordered = np.sort(drawn, axis=0)
    places = np.clip(np.round(shares * (count + 1), 9), 1, count) - 1  # 0.05 · 100 is 5, whatever 1 − 0.95 makes of it
    below, above = np.floor(places).astype(int), np.ceil(places).astype(int)
    rest = (places - below).reshape(-1, *[1] * (drawn.ndim - 1))
    between: np.ndarray = ordered[below] + rest * (ordered[above] - ordered[below])
    return np.where(whole, ordered[np.where(shares > 0.5, above, below)], between) if whole.any() else between


def rows_that_fit(draws: int, numbers: int, most: int) -> int:
    """Rows at a time, ``most`` at most, of so many ``numbers`` each that are drawn so often."""
    return max(1, min(most, CELLS_AT_ONCE // (draws * max(1, numbers))))


def inferable(model: MultimodalVAE, asked: Tensor) -> Tensor:
    """The rows ``Bool[N]`` that have something of what is asked ``[N, M]`` from which the objective infers z."""
    return rows_whose_subset(model, asked, model.infers)
