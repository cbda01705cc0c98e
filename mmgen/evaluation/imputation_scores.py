"""How good predicted values are, column by column and over the columns of a modality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from ..distributions.likelihoods import CODES
from .drawn import NUMBERS
from .imputation_columns import Cells, Columns

SCORES = ("r2", "rmse", "auc", "accuracy", "skill")  # in this order
COLUMNS_AT_ONCE = 1024  # of which errors are held


@dataclass(frozen=True)
class Scores:
    """Of every column ``[C]``, NaN where it has none.

    Attributes:
        errors: Sum of squared errors of numbers, in training standard deviations.
        floors: The same of the training mean.
        counts: How many values are scored.
        auc: Of yes/no answers: how often a yes has more than a no.
        hits: Of categories: the share of right ones.
        usual: The share of the most frequent training category.
    """

    errors: np.ndarray
    floors: np.ndarray
    counts: np.ndarray
    auc: np.ndarray
    hits: np.ndarray
    usual: np.ndarray

    @classmethod
    def of(cls, columns: Columns, truth: Cells, guess: np.ndarray) -> Scores:
        """Of predictions ``[N, C]`` in data units (probabilities or scores of answers, codes of categories)."""
        seen, counts = truth.measured, truth.measured.sum(0)
        nothing = np.full(len(columns), np.nan)
        errors, floors, auc, hits, usual = (nothing.copy() for _ in range(5))
        numbers = columns.places(*NUMBERS)
        numbers = numbers[(columns.scale[numbers] > 0) & (counts[numbers] > 0)]
        for start in range(0, len(numbers), COLUMNS_AT_ONCE):
            some = numbers[start : start + COLUMNS_AT_ONCE]
            values, there = truth.values[:, some], seen[:, some]
            for found, other in ((errors, guess[:, some]), (floors, columns.mean[some])):
                found[some] = np.square(np.where(there, values - other, 0.0) / columns.scale[some]).sum(0)
        for i in columns.places("binary"):
            answers = truth.values[seen[:, i], i] > 0
            if answers.any() and not answers.all():
                auc[i] = roc_auc_score(answers, guess[seen[:, i], i])
        for i, code in zip(columns.places(*CODES), columns.usual, strict=True):
            if counts[i]:
                codes = truth.values[seen[:, i], i]
                hits[i], usual[i] = (guess[seen[:, i], i] == codes).mean(), (codes == code).mean()
        return cls(errors, floors, counts, auc, hits, usual)

    def by_column(self) -> dict[str, np.ndarray]:
        """Every measure of each column, ``[C]``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(self.floors > 0, 1 - self.errors / self.floors, np.nan)
            gained = np.where(self.usual < 1, (self.hits - self.usual) / (1 - self.usual), np.nan)
        skill = np.where(np.isfinite(r2), r2, np.where(np.isfinite(self.auc), 2 * self.auc - 1, gained))
        rmse = np.sqrt(self.errors / np.maximum(self.counts, 1))
        return dict(zip(SCORES, (r2, rmse, self.auc, self.hits, skill), strict=True))

    def together(self) -> dict[str, float]:
        """Every measure over all columns that have it.

        R² and RMSE of all values together, each in standard deviations of its training column; the mean AUC of the
        answers; the share of right categories. ``skill`` is R², 2 AUC − 1, and the share of those categories found that
        the most frequent one misses; of columns of several kinds the mean, each kind by the number of its columns.
        """
        numbers, answers, codes = (np.isfinite(each) for each in (self.floors, self.auc, self.hits))
        found: dict[str, float] = {}
        skills: list[tuple[float, int]] = []
        if numbers.any():
            error, floor = self.errors[numbers].sum(), self.floors[numbers].sum()
            if floor > 0:
                found["r2"] = 1 - error / floor
                skills.append((found["r2"], int(numbers.sum())))
            found["rmse"] = float(np.sqrt(error / self.counts[numbers].sum()))
        if answers.any():
            found["auc"] = float(self.auc[answers].mean())
            skills.append((2 * found["auc"] - 1, int(answers.sum())))
        if codes.any():
            weights = self.counts[codes]
            right, usual = (float(np.average(each[codes], weights=weights)) for each in (self.hits, self.usual))
            found["accuracy"] = right
            if usual < 1:
                skills.append(((right - usual) / (1 - usual), int(codes.sum())))
        if skills:
            values, weights = zip(*skills, strict=True)
            found["skill"] = float(np.average(values, weights=weights))
        return {measure: float(found[measure]) for measure in SCORES if measure in found}
