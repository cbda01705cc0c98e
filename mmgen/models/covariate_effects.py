"""What covariates say of each column, linearly: the regression of its observed cells on them.

x_j = a_j + b_jᵀ c + rest, by least squares over the rows in which column j is observed. Codes of categories are
dependent of each other (one of them is 1), and a class that no row has says nothing: b_j is the shortest of the
solutions, which is 0 for such a class and does not depend on the order of classes.
"""

from __future__ import annotations

import numpy as np

from .factor_analysis import Rows

LEAST_SINGULAR = 1e-8  # of the largest singular value; below it covariates depend on each other


def covariate_effects(rows: Rows, told: np.ndarray) -> np.ndarray:
    """The slopes B of ``p`` columns on covariates, ``[p, T]``.

    Args:
        rows: ``N`` rows of ``p`` columns.
        told: Their covariates as numbers, ``[N, T]``.
    """
    slopes = np.zeros((rows.values.shape[1], told.shape[1]))
    if not told.shape[1]:
        return slopes
    masks, mask_of = np.unique(rows.patterns.T, axis=0, return_inverse=True)
    for k, mask in enumerate(masks):  # columns that are observed in the same rows have one regression
        there = mask[rows.of] > 0
        if there.any():
            columns = np.flatnonzero(mask_of.reshape(-1) == k)
            c, x = told[there], rows.values[np.ix_(there, columns)]
            slopes[columns] = np.linalg.lstsq(c - c.mean(0), x - x.mean(0), rcond=LEAST_SINGULAR)[0].T
    return slopes


def explained_by_covariates(rows: Rows, left: Rows) -> float:
    """The mean over columns of the share of their variance that is not ``left``; columns that do not vary do not
    count.
    """
    before, after = (_variances(each) for each in (rows, left))
    vary = before > 0
    return max(0.0, float(1 - (after[vary] / before[vary]).mean())) if vary.any() else 0.0  # rounded, never −0


def _variances(rows: Rows) -> np.ndarray:
    counts = np.maximum(rows.counts, 1)
    variances: np.ndarray = np.square(rows.centred(rows.values.sum(0) / counts)).sum(0) / counts
    return variances
