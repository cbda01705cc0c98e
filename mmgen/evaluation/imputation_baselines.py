"""What is predicted without a model: the training mean, ridge and logistic regression, nearest neighbours, and
iterative imputation, by scikit-learn.

All learn from training rows alone, with inputs in training standard deviations, categories one-hot, counts as
log(1 + x) and positive numbers as logarithms, and the training mean in the place of what a row lacks. Where a transform
that is no straight line is an option of a modality, they see what it makes of values, as the networks do; regressions
predict that too, and the mean of what scatters around it comes back.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, RidgeCV
from sklearn.neighbors import NearestNeighbors

from ..distributions.likelihoods import CODES
from .imputation_columns import Cells, Columns, moments

MEAN: Final = "mean"
RIDGE: Final = "ridge"
KNN: Final = "knn"
ITERATIVE: Final = "iterative"
ALPHAS = np.logspace(-2, 6, 9)
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # C of a logistic regression
NEIGHBOURS = (5, 10, 20)
FEWEST = 10  # training rows that something is learned from
WIDE = 1000  # inputs above which their principal components are regressed on
COMPONENTS = 200
LOGISTIC = 30  # yes/no answers and categories above which ridge regression of 0 and 1 ranks them
PATTERNS = 50  # of training rows that lack cells of a target, above which its mean is filled in
NEAREST = 30  # columns that each is imputed from iteratively
WIDE_ITERATIVE = 100  # columns of the data above which nothing is imputed iteratively
WIDE_CELLS = 1000  # above which baselines of withheld cells are the training mean alone
WIDE_TARGET = 4096  # numbers of a target above which its baseline is the training mean alone
WIDE_PICTURE = 1000  # the same of pixels, symbols, answers and categories
HIDDEN = 0.05  # of the training cells, so that iterative imputation learns to go on from its own guesses

Guesses = dict[str, np.ndarray]  # of each baseline, [n, C]


@dataclass(frozen=True)
class Side:
    """Rows of a split.

    Attributes:
        cells: What they have of every modality, by name.
        covariates: What else is told of them, ``[N, T]``, NaN where it is not known.
    """

    cells: Mapping[str, Cells]
    covariates: np.ndarray

    def __len__(self) -> int:
        return len(self.covariates)


class Baselines:
    """Baselines that are wanted, by name, fitted to training rows.

    Args:
        columns: Of every modality.
        train: What they learn from.
        val: What decides how many neighbours and how strong a regularisation; None where these are looked at.
        names: Which ones.
        iterations: Rounds of iterative imputation, at most.
        seed: Of what is drawn.
    """

    def __init__(
        self,
        columns: Mapping[str, Columns],
        train: Side,
        val: Side | None,
        names: Sequence[str],
        iterations: int,
        seed: int,
    ) -> None:
        self.columns, self.train, self.names, self.iterations, self.seed = columns, train, names, iterations, seed
        self.val = val if val is not None and len(val) >= FEWEST else None
        self.inputs = {name: Standard.of(each.numbers(train.cells[name], logs=True)) for name, each in columns.items()}
        self.told = Standard.of(train.covariates)
        self.width = train.covariates.shape[1] + sum(each.width for each in columns.values())
        self._means: dict[str, np.ndarray] = {}
        self._last: tuple[tuple[str, ...], Reduced] | None = None

    # A modality from others -------------------------------------------------------------------------------------------

    def from_others(self, given: Sequence[str], target: str, rows: Side) -> Guesses:
        """Predictions of a target in some rows given other modalities."""
        columns = self.columns[target]
        guesses = {MEAN: self._usual(target, len(rows))} if MEAN in self.names else {}
        known = self.train.cells[target].measured.any(1)
        if known.sum() < FEWEST or not affordable(columns) or not {RIDGE, KNN} & {*self.names}:
            return guesses
        inputs, cells = self._reduced(tuple(given)), self.train.cells[target]
        y = columns.numbers(cells)[known]
        x, x_rows = inputs.train[known], inputs(self._inputs(given, rows))
        has = np.zeros(0, dtype=bool) if self.val is None else self.val.cells[target].measured.any(1)
        checks = None
        if self.val is not None and has.sum() >= FEWEST:
            checks = inputs(self._inputs(given, self.val))[has], columns.numbers(self.val.cells[target])[has]
        if RIDGE in self.names:
            if columns.curve is None:
                found = ridge(x, y, x_rows)
            else:
                seen = columns.numbers(cells, curved=True)[known]
                both = ridge(x, seen, np.concatenate([x_rows, x]))
                scatter = moments(seen - both[len(x_rows) :], np.isfinite(seen))[1]
                found = columns.straight(both[: len(x_rows)], scatter)
            for place in self._logistic(columns):
                found[:, place] = logistic(x, y[:, place], x_rows, checks, place)
            guesses[RIDGE] = columns.guess(found)
        if KNN in self.names:
            guesses[KNN] = columns.guess(nearest(x, y, x_rows, checks))
        return guesses

    def _usual(self, name: str, count: int) -> np.ndarray:
        """The training mean (the most frequent category) of each column, the same in all rows, ``[n, C]``."""
        if name not in self._means:
            columns = self.columns[name]
            self._means[name] = columns.guess(_mean(columns.numbers(self.train.cells[name]))[None])
        return np.broadcast_to(self._means[name], (count, len(self.columns[name])))

    def _reduced(self, given: tuple[str, ...]) -> Reduced:
        """What is given of the training rows; kept until something else is given."""
        if self._last is None or self._last[0] != given:
            self._last = given, Reduced.of(self._inputs(given, self.train))
        return self._last[1]

    def _inputs(self, given: Sequence[str], rows: Side) -> np.ndarray:
        """What is given of some rows, ``[N, P]``, with 0 in the place of what is not known."""
        parts = [self.inputs[name](self.columns[name].numbers(rows.cells[name], logs=True)) for name in given]
        return np.nan_to_num(np.concatenate([*parts, self.told(rows.covariates)], 1), nan=0.0)

    @staticmethod
    def _logistic(columns: Columns) -> list[np.ndarray]:
        """The numbers of each column that is regressed on logistically; none where there are many."""
        few = [columns.blocks[i] for i in sorted({*columns.places("binary"), *columns.places(*CODES)})]
        return [block for block in few if len(block)] if len(few) <= LOGISTIC else []

    # Cells from everything else ---------------------------------------------------------------------------------------

    @property
    def judges_cells(self) -> bool:
        """Whether there is more than the training mean for withheld cells."""
        return self.width <= WIDE_CELLS and len(self.train) >= FEWEST

    @property
    def iterates(self) -> bool:
        """Whether anything is imputed iteratively."""
        return ITERATIVE in self.names and self.width <= WIDE_ITERATIVE and len(self.train) >= FEWEST

    def from_cells(self, rows: Side) -> dict[str, Guesses]:
        """Predictions of all cells of every modality in some rows, each from the other cells that are there."""
        found: dict[str, Guesses] = {name: {} for name in self.columns}
        if MEAN in self.names:
            for name in self.columns:
                found[name][MEAN] = self._usual(name, len(rows))
        if not self.judges_cells:
            return found
        z = self._whole(rows)
        if RIDGE in self.names:
            self._spread(found, RIDGE, self._each_from_others(z))
        if KNN in self.names:
            self._spread(found, KNN, self._from_neighbours(z))
        return found

    def iterated(self, rows: Side, without: str | None = None) -> Guesses:
        """Iterative imputation of what some rows lack, by modality, ``without`` one that they have: it is fitted
        once.
        """
        z = self._whole(rows)
        if without is not None:
            z[:, self._places[without]] = np.nan
        found: dict[str, Guesses] = {name: {} for name in self.columns}
        self._spread(found, ITERATIVE, self._iterative.transform(z))
        return {name: guesses[ITERATIVE] for name, guesses in found.items()}

    def _whole(self, rows: Side) -> np.ndarray:
        """Everything that rows have, side by side in training standard deviations, ``[N, W]``; NaN what they lack."""
        parts = [
            self._outputs[name](each.numbers(rows.cells[name], curved=True)) for name, each in self.columns.items()
        ]
        return np.concatenate([*parts, self.told(rows.covariates)], 1)

    @cached_property
    def _outputs(self) -> dict[str, Standard]:
        return {
            name: Standard.of(each.numbers(self.train.cells[name], curved=True)) for name, each in self.columns.items()
        }

    @cached_property
    def _scatter(self) -> np.ndarray:
        """How far values are from what the others say of them, in training standard deviations ``[W]``; looked at where
        some come back on a curve.
        """
        if all(each.curve is None for each in self.columns.values()):
            return np.zeros(self.width)
        z = self._whole(self.train)
        return moments(z - self._each_from_others(z), np.isfinite(z))[1]

    @cached_property
    def _places(self) -> dict[str, np.ndarray]:
        """Where the numbers of each modality are among all."""
        starts = np.cumsum([0, *(each.width for each in self.columns.values())])
        return {
            name: np.arange(start, start + each.width)
            for start, (name, each) in zip(starts, self.columns.items(), strict=False)
        }

    @cached_property
    def _blocks(self) -> list[np.ndarray]:
        """The numbers that make one column, for all columns."""
        return [self._places[name][block] for name, each in self.columns.items() for block in each.blocks]

    def _spread(self, found: dict[str, Guesses], baseline: str, z: np.ndarray) -> None:
        """What is predicted of everything, as values of each modality."""
        for name, columns in self.columns.items():
            places, units = self._places[name], self._outputs[name]
            numbers = columns.straight(units.inverse(z[:, places]), self._scatter[places] * units.scale)
            found[name][baseline] = columns.guess(numbers)

    @cached_property
    def _checked(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows to learn from and rows to choose by: training and validation rows, or four and one fifth of the former.

        The order of the rows is random already.
        """
        z = self._whole(self.train)
        if self.val is not None:
            return z, self._whole(self.val)
        last = np.random.default_rng(self.seed).permutation(len(z)) < len(z) / 5
        return z[~last], z[last]

    @cached_property
    def _regressions(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Which columns have an α in common, ``Bool[W]``, and the inverse matrix of the training rows with it."""
        learned, checked = self._checked
        errors = []
        for alpha in ALPHAS:
            found = from_others(np.nan_to_num(checked), precision(learned, alpha, self._blocks), self._blocks)
            errors.append(np.square(np.nan_to_num(checked - found)).sum(0))
        best = _by_block(np.array(errors), self._blocks).argmin(0)
        z = self._whole(self.train)
        return [(best == choice, precision(z, ALPHAS[choice], self._blocks)) for choice in np.unique(best)]

    def _each_from_others(self, rows: np.ndarray) -> np.ndarray:
        """Ridge regression of each column on all others, its α chosen for it."""
        guess = np.zeros(rows.shape)
        for columns, omega in self._regressions:
            guess[:, columns] = from_others(np.nan_to_num(rows), omega, self._blocks)[:, columns]
        return guess

    def _from_neighbours(self, rows: np.ndarray) -> np.ndarray:
        """The mean of each column over the nearest training rows that have it."""
        learned, checked = self._checked
        chance = np.random.default_rng(self.seed).random((len(checked), len(self._blocks)))
        hidden = np.isfinite(checked)
        for i, block in enumerate(self._blocks):
            hidden[:, block] &= chance[:, i, None] < 0.1
        hidden[:, self.width - self.train.covariates.shape[1] :] = False
        errors = []
        for count in NEIGHBOURS:
            found = _neighbours(learned, np.where(hidden, np.nan, checked), count)
            errors.append(np.square(found - checked)[hidden].mean() if hidden.any() else 0.0)
        return _neighbours(self._whole(self.train), rows, NEIGHBOURS[int(np.argmin(errors))])

    @cached_property
    def _iterative(self) -> IterativeImputer:
        """Bayesian ridge regression of each column on the others, again and again, on training rows of which some
        cells are hidden.
        """
        z = self._whole(self.train)
        z[np.random.default_rng(self.seed).random(z.shape) < HIDDEN] = np.nan
        imputer = IterativeImputer(
            BayesianRidge(),
            max_iter=self.iterations,
            n_nearest_features=NEAREST if self.width > NEAREST + 1 else None,
            random_state=self.seed,
            keep_empty_features=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return imputer.fit(z)


@dataclass(frozen=True)
class Standard:
    """Numbers less their training mean, over their training standard deviation (1 where they do not vary)."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, train: np.ndarray) -> Standard:
        """Of training rows ``[N, W]``, NaN where there is none."""
        mean, scale = moments(train, np.isfinite(train))
        return cls(mean, np.where(scale > 0, scale, 1.0))

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers ``[N, W]`` in these units."""
        return (numbers - self.mean) / self.scale

    def inverse(self, standard: np.ndarray) -> np.ndarray:
        """The numbers again."""
        return self.mean + self.scale * standard


@dataclass(frozen=True)
class Reduced:
    """Inputs of training rows ``[N, P]``, and how those of others become like them: many as principal components."""

    train: np.ndarray
    components: PCA | None

    @classmethod
    def of(cls, x: np.ndarray) -> Reduced:
        """Of training rows."""
        if x.shape[1] <= WIDE:
            return cls(x, None)
        components = PCA(min(COMPONENTS, *x.shape), svd_solver="randomized", random_state=0).fit(x)
        return cls(components.transform(x), components)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The same of other rows."""
        return x if self.components is None else self.components.transform(x)


def affordable(columns: Columns) -> bool:
    """Whether more than the training mean is asked about a target."""
    return columns.width <= (WIDE_TARGET if len(columns.scattered) else WIDE_PICTURE)


def ridge(x: np.ndarray, y: np.ndarray, x_rows: np.ndarray) -> np.ndarray:
    """RidgeCV with an α for each column of y, chosen by leaving one row out: predictions ``[n, W]``.

    Columns are fitted to the rows that have them; where these are many different sets of rows, their means are filled
    in.
    """
    seen = np.isfinite(y)
    patterns, of = np.ones((len(y), 1), dtype=bool), np.zeros(y.shape[1], dtype=int)
    if not seen.all():
        patterns, of = np.unique(seen, axis=1, return_inverse=True)
    if patterns.shape[1] > PATTERNS:
        y = np.where(seen, y, _mean(y))
        patterns, of = np.ones((len(y), 1), dtype=bool), np.zeros(y.shape[1], dtype=int)
    found = np.tile(_mean(y), (len(x_rows), 1))
    for i, rows in enumerate(patterns.T):
        if rows.sum() >= FEWEST:
            columns = np.flatnonzero(of == i)
            model = RidgeCV(ALPHAS, alpha_per_target=True).fit(x[rows], y[np.ix_(rows, columns)])
            found[:, columns] = model.predict(x_rows).reshape(len(x_rows), len(columns))
    return found


def logistic(
    x: np.ndarray,
    y: np.ndarray,
    x_rows: np.ndarray,
    checks: tuple[np.ndarray, np.ndarray] | None,
    place: np.ndarray,
) -> np.ndarray:
    """Probabilities of a yes/no answer ``[n, 1]``, or of categories ``[n, classes]``, by logistic regression.

    Its strength is chosen by the log-likelihood of the rows ``checks``; C = 1 where there are none.
    """
    rows = np.isfinite(y).all(1)
    codes = _codes(y[rows])
    if rows.sum() < FEWEST or len(np.unique(codes)) < 2:
        return np.tile(_mean(y), (len(x_rows), 1))
    models = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for strength in STRENGTHS if checks is not None else (1.0,):
            models[strength] = LogisticRegression(C=strength, max_iter=300).fit(x[rows], codes)
    best = next(iter(models))
    if checks is not None:
        known = np.isfinite(checks[1][:, place]).all(1)
        truth = _codes(checks[1][known][:, place])
        scores = {}
        for strength, model in models.items():
            p = model.predict_proba(checks[0][known]) if known.any() else np.ones((0, len(model.classes_)))
            right = truth[:, None] == model.classes_
            scores[strength] = float(np.log(np.where(right, p, 1.0).clip(1e-12)).sum())
        best = max(scores, key=lambda strength: scores[strength])
    probabilities = models[best].predict_proba(x_rows)
    if y.shape[1] == 1:
        return probabilities[:, 1:]
    found = np.zeros((len(x_rows), y.shape[1]))
    found[:, models[best].classes_.astype(int)] = probabilities
    return found


def nearest(
    x: np.ndarray, y: np.ndarray, x_rows: np.ndarray, checks: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """The mean of y over the nearest rows that have it, ``[n, W]``: of 5, 10 or 20, whichever are best for the rows
    ``checks``, 10 where there are none.
    """
    index = NearestNeighbors(n_neighbors=min(max(NEIGHBOURS), len(x))).fit(x)
    best = 10
    if checks is not None:
        scale = Standard.of(y).scale
        means = _means_of_nearest(index.kneighbors(checks[0], return_distance=False), y)
        errors = {count: np.nanmean(np.square((found - checks[1]) / scale)) for count, found in means.items()}
        best = min(errors, key=lambda count: errors[count])
    return _means_of_nearest(index.kneighbors(x_rows, return_distance=False), y)[best]


def _means_of_nearest(places: np.ndarray, y: np.ndarray) -> dict[int, np.ndarray]:
    """Means over the first of the neighbours ``[n, neighbours]``, by how many these are."""
    seen, filled, usual = np.isfinite(y), np.nan_to_num(y, nan=0.0), _mean(y)
    total, count, found = np.zeros((len(places), y.shape[1])), np.zeros((len(places), y.shape[1])), {}
    for k in range(max(NEIGHBOURS)):
        if k < places.shape[1]:
            total += filled[places[:, k]]
            count += seen[places[:, k]]
        if k + 1 in NEIGHBOURS:
            found[k + 1] = np.where(count > 0, total / np.maximum(count, 1), usual)
    return found


def precision(z: np.ndarray, alpha: float, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Ω = (ZᵀZ + α I)⁻¹ of standardised rows, which holds the ridge regression of every column on all others.

    What rows lack is their mean at first, and then, twice, what these regressions predict.
    """
    filled = np.nan_to_num(z, nan=0.0)
    eye = alpha * np.eye(z.shape[1])
    omega = np.linalg.inv(filled.T @ filled + eye)
    for _ in range(0 if np.isfinite(z).all() else 2):
        filled = np.where(np.isfinite(z), z, from_others(filled, omega, blocks))
        omega = np.linalg.inv(filled.T @ filled + eye)
    return omega


def from_others(z: np.ndarray, omega: np.ndarray, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Each block of columns b from all others, −Ω_bb⁻¹ Ω_b,−b z_−b = z_b − Ω_bb⁻¹ (Ω z)_b: ``[n, W]``.

    That is ridge regression, by the inverse of a matrix in blocks: Ω_−b,b = −(Z_−bᵀ Z_−b + α I)⁻¹ Z_−bᵀ Z_b Ω_bb.
    """
    pulled = z @ omega
    found: np.ndarray = z - pulled / np.diag(omega)
    for block in blocks:
        if len(block) > 1:
            found[:, block] = z[:, block] - pulled[:, block] @ np.linalg.inv(omega[np.ix_(block, block)])
    return found


def _neighbours(learned: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    found: np.ndarray = KNNImputer(n_neighbors=count, keep_empty_features=True).fit(learned).transform(rows)
    return found


def _by_block(errors: np.ndarray, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Errors ``[choices, W]`` with the mean of each block in all of its columns."""
    for block in blocks:
        if len(block) > 1:
            errors[:, block] = errors[:, block].mean(1, keepdims=True)
    return errors


def _codes(shown: np.ndarray) -> np.ndarray:
    """Answers ``[n, 1]``, or one-hot categories ``[n, classes]``, as codes."""
    codes: np.ndarray = (shown[:, 0] > 0).astype(int) if shown.shape[1] == 1 else shown.argmax(1)
    return codes


def _mean(numbers: np.ndarray) -> np.ndarray:
    return moments(numbers, np.isfinite(numbers))[0]
