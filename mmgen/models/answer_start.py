"""How decoders of answers, categories and counts beside numbers begin: at regressions on factors.

Columns of one modality may be of different types. Where its numbers begin at factor analysis (:mod:`.linear_start`),
logits of answers and categories begin at logistic regressions on what the factors of training rows are expected to be,
with half the squares of their slopes as the penalty (scikit-learn's), and log-means of counts at the logarithms of
their means.
"""

from __future__ import annotations

import numpy as np

from ..distributions.likelihoods import Bernoulli, Categorical, Mixed, NegativeBinomial, Poisson

FEWEST = 2  # rows of an answer, of which there must be two at least
MOST_ROWS = 2000  # of a regression, spread over all
LESS = 1.0  # by which the logit of a category without rows is below the lowest of the others


def start_of_answers(
    likelihood: Mixed, values: np.ndarray, observed: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes ``[outputs · C, S]`` and intercepts ``[outputs · C]`` of what a decoder gives, 0 of numbers and of columns
    about which too little is known.

    Args:
        likelihood: Of the ``C`` columns.
        values: As networks see them, ``[N, C]``; codes of categories.
        observed: Which of them were measured, ``bool [N, C]``.
        seen: What they are regressed on, ``[N, S]``.
    """
    columns = values.shape[1]
    slopes, intercepts = (np.zeros((likelihood.outputs, columns, *rest)) for rest in ((seen.shape[1],), ()))
    for member, places in likelihood.parts():
        for place in places.tolist():
            known = np.flatnonzero(observed[:, place])
            known = known[:: 1 + len(known) // MOST_ROWS]
            cells, features = values[known, place], seen[known]
            if isinstance(member, Bernoulli):
                found = _logits((cells > 0).astype(int), features, 2)
                slope, intercept = found[0][1:] - found[0][:1], found[1][1:] - found[1][:1]
            elif isinstance(member, Categorical):
                slope, intercept = _logits(cells.astype(int), features, member.categories)
            elif isinstance(member, Poisson | NegativeBinomial):
                slope, intercept = np.zeros((1, seen.shape[1])), np.log([(cells.sum() + 0.5) / (len(cells) + 1)])
            else:
                continue
            slopes[: len(slope), place], intercepts[: len(intercept), place] = slope, intercept
    return slopes.reshape(-1, seen.shape[1]), intercepts.reshape(-1)


def _logits(codes: np.ndarray, features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Slopes ``[count, S]`` and intercepts ``[count]`` of the logits of codes; of negative ones there is nothing."""
    from sklearn.linear_model import LogisticRegression

    slopes, intercepts = np.zeros((count, features.shape[1])), np.zeros(count)
    known = codes >= 0
    codes, features = codes[known], features[known]
    classes, rows = np.unique(codes, return_counts=True)
    if len(classes) < 2 or rows.min() < FEWEST:
        return slopes, intercepts
    fitted = LogisticRegression(max_iter=500).fit(features, codes)
    slope, intercept = fitted.coef_, fitted.intercept_
    if len(classes) == 2:  # one logit, shared out
        slope, intercept = (np.concatenate([-each / 2, each / 2]) for each in (slope, intercept))
    intercepts[:] = intercept.min() - LESS
    slopes[classes], intercepts[classes] = slope, intercept
    return slopes, intercepts
