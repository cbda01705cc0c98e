"""How right predictions are: accuracy for classes, mean average precision for several yes/no answers at once."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score


def accuracy(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Share of the rows ``[N]`` whose class is found."""
    return float((predicted == truth).mean())


def average_precisions(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Average precision of each answer, ``[L]``, from scores ``[N, L]`` and answers of 0, 1 and −1 (unknown).

    NaN for an answer that is yes nowhere, or everywhere: there is nothing to rank.
    """
    precisions = np.full(truth.shape[1], np.nan)
    for i in range(truth.shape[1]):
        known = truth[:, i] >= 0
        answers = truth[known, i]
        if len(answers) and 0 < answers.sum() < len(answers):
            precisions[i] = average_precision_score(answers, scores[known, i])
    return precisions


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """The mean of :func:`average_precisions` over the answers that have one (macro), or NaN."""
    precisions = average_precisions(scores, truth)
    return float(np.nanmean(precisions)) if np.isfinite(precisions).any() else float("nan")


def micro_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Average precision of all known answers of all rows, ranked together (micro), or NaN where they are all the same.

    Frequent answers weigh more than in :func:`mean_average_precision`, and the scores of different answers must mean
    the same.
    """
    known = truth >= 0
    return float(average_precisions(scores[known][:, None], truth[known][:, None])[0])


def known_rows(codes: np.ndarray) -> np.ndarray:
    """Which rows have a label, ``[N]``: a class, or at least one answer."""
    return codes >= 0 if codes.ndim == 1 else np.any(codes >= 0, axis=-1)
