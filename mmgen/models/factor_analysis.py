"""Factor analysis of rows of which any cells may be missing.

x_n = μ + W z_n + ε_n with z_n ~ N(0, I_K) and ε_n ~ N(0, Ψ), Ψ diagonal. Given z the columns are independent of each
other, so cells that are missing at random leave nothing behind but fewer terms: with O the observed columns of a row,

    M = I + W_Oᵀ Ψ_O⁻¹ W_O,    q(z) = N(M⁻¹ W_Oᵀ Ψ_O⁻¹ (x_O − μ_O), M⁻¹),

and the M-step is, column by column, a regression of its observed cells on (z, 1). Rows with the same cells share M.

Source: Rubin and Thayer 1982, "EM algorithms for ML factor analysis" (Psychometrika 47); the expansion of z to
N(m, V), which makes it quick (PX-EM), is that of Liu, Rubin and Wu 1998 (Biometrika 85). scikit-learn's has neither
missing cells nor bounds of Ψ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # numbers of factors that are tried
WORK, FINAL_WORK = 3e9, 1e10  # multiplications of a fit, about: iterations are fewer where one of them takes more
FEWEST, MOST = 20, 500  # iterations
PARTS = 5  # of the groups of rows, each of which is held out once where the number of factors is chosen
GAIN = 1e-7  # of the log-likelihood per observed value, below which a fit has arrived
LEAST_SHARE = 1e-3  # of a column's variance that is left unexplained


@dataclass(frozen=True)
class Rows:
    """``N`` rows of ``p`` columns.

    Attributes:
        values: ``[N, p]`` in float64, 0 where missing.
        patterns: The different sets of observed columns, as 1 and 0, ``[P, p]``.
        of: The pattern of each row, ``[N]``.
    """

    values: np.ndarray
    patterns: np.ndarray
    of: np.ndarray

    @classmethod
    def of_cells(cls, values: np.ndarray, observed: np.ndarray) -> Rows:
        """From values ``[N, p]`` (anything where missing) and which of them are observed; rows without any are left
        out.
        """
        some = observed.any(1)
        values, observed = values[some], observed[some]
        if observed.all():
            patterns, of = np.ones((1, values.shape[1]), dtype=bool), np.zeros(len(values), dtype=np.int64)
        else:
            packed, of = np.unique(np.packbits(observed, axis=1), axis=0, return_inverse=True)
            patterns = np.unpackbits(packed, axis=1, count=values.shape[1])
        cells = np.where(observed, values, 0.0).astype(np.float64)
        return cls(cells, patterns.astype(np.float64), of.reshape(-1))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def sizes(self) -> np.ndarray:
        """Rows of each pattern, ``[P]``."""
        return np.bincount(self.of, minlength=len(self.patterns)).astype(np.float64)

    @property
    def counts(self) -> np.ndarray:
        """Observed cells of each column, ``[p]``."""
        return self.sizes @ self.patterns

    def some(self, which: np.ndarray) -> Rows:
        """Those at which ``Bool[N]`` is true."""
        return Rows(self.values[which], self.patterns, self.of[which])

    def joined(self, other: Rows) -> Rows:
        """These, and those of another after them."""
        parts = [(rows.values, rows.patterns[rows.of] > 0) for rows in (self, other)]
        values, observed = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Rows.of_cells(values, observed)

    def summed(self, per_row: np.ndarray) -> np.ndarray:
        """Sums over the rows of each pattern: ``[N, …]`` to ``[P, …]``."""
        if len(self.patterns) == 1:
            return per_row.sum(0, keepdims=True)
        total = np.zeros((len(self.patterns), *per_row.shape[1:]))
        np.add.at(total, self.of, per_row)
        return total

    def less(self, part: np.ndarray) -> Rows:
        """The same rows less ``part``, ``[N, p]``, where they are observed."""
        return replace(self, values=self.centred(part))

    def centred(self, mean: np.ndarray) -> np.ndarray:
        """x − μ where observed, 0 elsewhere; μ is ``[p]``, or ``[N, p]``."""
        difference = self.values - mean
        return difference if self.patterns.all() else difference * self.patterns[self.of]


@dataclass(frozen=True)
class Factors:
    """A model of ``p`` columns by ``K`` factors.

    Attributes:
        loadings: W, ``[p, K]``.
        mean: μ, ``[p]``.
        uniqueness: The diagonal of Ψ, ``[p]``.
    """

    loadings: np.ndarray
    mean: np.ndarray
    uniqueness: np.ndarray

    @property
    def count(self) -> int:
        """K."""
        return self.loadings.shape[1]

    def log_likelihood(self, rows: Rows) -> np.ndarray:
        """log p(x_O) of each row, ``[N]``."""
        return _expect(self, rows).log_likelihood

    def expected(self, rows: Rows) -> np.ndarray:
        """E[z | x_O] of each row, ``[N, K]``."""
        return _expect(self, rows).mean

    def rotated(self) -> Factors:
        """The same model with Wᵀ Ψ⁻¹ W diagonal, its largest number first: given all columns, the factors are then
        independent of each other. The largest loading of each factor, in absolute value, is positive.
        """
        precision = self.loadings.T @ (self.loadings / self.uniqueness[:, None])
        rotation = np.linalg.eigh((precision + precision.T) / 2)[1][:, ::-1]
        loadings = self.loadings @ rotation
        if self.count:
            places = np.abs(loadings).argmax(0)
            loadings = loadings * np.where(loadings[places, np.arange(self.count)] < 0, -1.0, 1.0)
        return replace(self, loadings=loadings)


@dataclass(frozen=True)
class _Expected:
    """What is expected of the factors of each row.

    Attributes:
        mean: ``[N, K]``.
        covariance: Of each pattern, ``[P, K, K]``.
        log_likelihood: ``[N]``.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_likelihood: np.ndarray


def _expect(model: Factors, rows: Rows) -> _Expected:
    """The E-step."""
    weighted = model.loadings / model.uniqueness[:, None]
    outer = (weighted[:, :, None] * model.loadings[:, None, :]).reshape(len(weighted), -1)
    precision = (rows.patterns @ outer).reshape(len(rows.patterns), model.count, model.count) + np.eye(model.count)
    covariance = np.linalg.inv(precision)
    residuals = rows.centred(model.mean)
    projected = residuals @ weighted
    if len(rows.patterns) == 1:
        mean = projected @ covariance[0]
    else:
        mean = np.einsum("nk,nkl->nl", projected, covariance[rows.of])
    constants = rows.patterns @ (math.log(2 * math.pi) + np.log(model.uniqueness)) + np.linalg.slogdet(precision)[1]
    squares = np.square(residuals) @ (1 / model.uniqueness) - (projected * mean).sum(1)
    return _Expected(mean, covariance, -0.5 * (constants[rows.of] + squares))


def _maximise(rows: Rows, expected: _Expected, low: np.ndarray, high: np.ndarray) -> Factors:
    """The M-step, with z ~ N(m, V) of free m and V, which then become 0 and I."""
    mean = expected.mean
    count = mean.shape[1]
    extended = np.concatenate([mean, np.ones((len(mean), 1))], 1)
    if len(rows.patterns) == 1:
        products = (extended.T @ extended)[None]
    else:
        products = rows.summed(extended[:, :, None] * extended[:, None, :])
    products[:, :count, :count] += rows.sizes[:, None, None] * expected.covariance
    counts, cross = rows.counts, rows.values.T @ extended
    if len(rows.patterns) == 1 and counts.all():  # all columns have the same rows
        solution = np.linalg.solve(products[0], cross.T).T
    else:
        moments = (rows.patterns.T @ products.reshape(len(products), -1)).reshape(-1, count + 1, count + 1)
        moments[counts == 0] = np.eye(count + 1)  # nothing is known of such a column: its solution is 0
        solution = np.linalg.solve(moments, cross[..., None])[..., 0]
    explained = (solution * cross).sum(1)
    residual = (np.square(rows.values).sum(0) - explained) / np.maximum(counts, 1)
    total = products.sum(0) / len(rows)
    centre = total[:count, count]
    spread = np.linalg.cholesky(total[:count, :count] - np.outer(centre, centre))
    loadings = solution[:, :count]
    return Factors(loadings @ spread, solution[:, count] + loadings @ centre, np.clip(residual, low, high))


def _moments(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the observed cells of each column."""
    counts = np.maximum(rows.counts, 1)
    mean = rows.values.sum(0) / counts
    return mean, np.square(rows.centred(mean)).sum(0) / counts


def first_guess(rows: Rows, count: int, low: np.ndarray, high: np.ndarray) -> Factors:
    """Principal components of the rows, with means in the place of missing cells."""
    mean, variance = _moments(rows)
    scale = np.sqrt(np.where(variance > 0, variance, 1.0))
    standard = rows.centred(mean) / scale
    number, columns = standard.shape
    wide = columns > number
    values, vectors = np.linalg.eigh((standard @ standard.T if wide else standard.T @ standard) / number)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    if wide:
        vectors = standard.T @ vectors / np.sqrt(np.maximum(number * values, 1e-12))
    rest = max(0.0, (float(np.trace(standard.T @ standard if not wide else standard @ standard.T)) / number))
    rest = max(0.0, rest - float(values.sum())) / max(1, columns - count)
    loadings = vectors * np.sqrt(np.maximum(values - rest, 1e-6)) * scale[:, None]
    uniqueness = np.clip(variance - np.square(loadings).sum(1), np.maximum(low, 0.05 * variance), None)
    return Factors(loadings, mean, np.clip(uniqueness, low, high))


def bounds(rows: Rows, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of Ψ: those that are given, and a small share of each column's variance at least, so that no column is
    explained without rest (as with fewer rows than columns).
    """
    variance = _moments(rows)[1]
    least = np.clip(LEAST_SHARE * variance, 1e-8, high)
    return np.maximum(low, least), high


def fit(
    rows: Rows,
    count: int,
    low: np.ndarray,
    high: np.ndarray,
    *,
    start: Factors | None = None,
    iterations: int | None = None,
    work: float = WORK,
    gain: float = GAIN,
) -> Factors:
    """The model of the largest likelihood, by expectation and maximisation.

    Args:
        rows: What is explained.
        count: K.
        low: What Ψ does not fall below, ``[p]``.
        high: What it does not exceed.
        start: A model to go on from.
        iterations: At most; as many as ``work`` allows otherwise.
        work: Multiplications, about.
        gain: Of the log-likelihood per observed value, below which it has arrived.
    """
    model = first_guess(rows, count, low, high) if start is None else start
    if iterations is None:
        number, columns = rows.values.shape
        patterns = len(rows.patterns)
        once = 2.0 * columns * (number * (count + 2) + (patterns if patterns > 1 else 0) * (count + 1) ** 2)
        once += columns * (count + 1) ** 3 if patterns > 1 else 0
        iterations = int(np.clip(work / once, FEWEST, MOST))
    before, values = -math.inf, rows.counts.sum()
    for _ in range(iterations):
        expected = _expect(model, rows)
        now = float(expected.log_likelihood.sum()) / values
        if now - before < gain:
            break
        before = now
        model = _maximise(rows, expected, low, high)
    return model


@dataclass(frozen=True)
class Selection:
    """A number of factors that was chosen by cross-validation.

    Attributes:
        model: Of the training rows.
        score: Its mean log-likelihood per value that was held out; with several groups of columns less the mean of
            what was :func:`unexplained`.
        without: The same of independent normal columns.
    """

    model: Factors
    score: float
    without: float


def unexplained(model: Factors, rows: Rows, groups: Sequence[slice], variance: np.ndarray) -> float:
    """The mean over groups of columns of (x − E[x | all other groups])² / variance, over the cells that are observed in
    rows that have something of another group.

    Args:
        model: Says what is expected.
        rows: The rows.
        groups: Columns that are predicted together.
        variance: Of the columns, ``[p]``.
    """
    observed = rows.patterns[rows.of] > 0
    errors = []
    for group in groups:
        others = observed.copy()
        others[:, group] = False
        some = others.any(1) & observed[:, group].any(1)
        if some.any():
            z = _expect(model, Rows.of_cells(rows.values[some], others[some])).mean
            guess = model.mean[group] + z @ model.loadings[group].T
            squares = (rows.values[some][:, group] - guess) ** 2 / variance[group]
            errors.append(squares[observed[some][:, group]].mean())
    return float(np.mean(errors)) if errors else math.inf


def choose(
    train: Rows,
    further: Rows,
    most: int,
    low: np.ndarray,
    high: np.ndarray,
    candidates: Sequence[int] = CANDIDATES,
    groups: Sequence[slice] = (),
    belong: np.ndarray | None = None,
) -> Selection:
    """The model of the training rows with the number of factors, ``most`` at most, that is best by cross-validation.

    Each of ``PARTS`` parts of all rows (the first, the sixth, the eleventh group of rows that belong together, and so
    on) is held out from models of the others. With several groups of columns the best number is the one by which each
    of them is predicted best from the others (:func:`unexplained`), which is what factors are for here; else the one
    with the largest log-likelihood. Two numbers in a row that are worse than the best one end the search.

    Args:
        train: What the model is of.
        further: Rows that have a part in the choice alone: a few dozen of them would not decide it well.
        most: Factors.
        low: What Ψ does not fall below, ``[p]``.
        high: What it does not exceed.
        candidates: Numbers of factors, in ascending order.
        groups: Columns that are predicted together.
        belong: Rows with the same number belong together, ``[N]`` of ``train`` and ``further``, one after the other;
            each is alone by default.
    """
    low, high = bounds(train, low, high)
    variance = np.maximum(_moments(train)[1], low)
    parts = _parts(train.joined(further), belong)

    def score(count: int) -> float:
        scores = []
        for learned, held_out in parts:
            model = fit(learned, count, low, high, work=WORK / PARTS) if count else _independent(learned, low, high)
            if len(groups) > 1:
                scores.append(-unexplained(model, held_out, groups, variance))
            else:
                scores.append(float(model.log_likelihood(held_out).sum() / held_out.counts.sum()))
        return float(np.mean(scores))

    without = score(0)
    best, best_score, worse = 0, without, 0
    for count in candidates:
        if count > min(most, len(low) - 1, min(len(learned) for learned, _ in parts) - 1):
            break
        if (now := score(count)) > best_score:
            best, best_score, worse = count, now, 0
        elif (worse := worse + 1) == 2:
            break
    model = fit(train, best, low, high, work=FINAL_WORK).rotated() if best else _independent(train, low, high)
    return Selection(model, best_score, without)


def _independent(rows: Rows, low: np.ndarray, high: np.ndarray) -> Factors:
    """Columns that have nothing in common."""
    mean, variance = _moments(rows)
    return Factors(np.zeros((len(mean), 0)), mean, np.clip(variance, low, high))


def in_order(numbers: np.ndarray) -> np.ndarray:
    """Numbers ``[N]`` as 0, 1, 2 …, in the order in which they first appear."""
    _, first, of = np.unique(numbers, return_index=True, return_inverse=True)
    ordered: np.ndarray = first.argsort().argsort()[of.reshape(-1)]
    return ordered


def _parts(rows: Rows, belong: np.ndarray | None) -> list[tuple[Rows, Rows]]:
    """All rows but those of every fifth group, and these, for each of the five groups to begin with; as many as there
    are groups, at most.
    """
    group = np.arange(len(rows)) if belong is None else in_order(belong)
    part = group % PARTS
    return [(rows.some(part != held_out), rows.some(part == held_out)) for held_out in range(part.max() + 1)]
