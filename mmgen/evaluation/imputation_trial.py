"""Held-out values that are predicted by a model and by baselines, and how good either is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np

from ..data import Modality, Table, track
from ..data.transforms import Transform
from ..models import LaplaceInference
from .evaluation import Evaluation
from .imputation_baselines import ITERATIVE, Baselines, Guesses, Side
from .imputation_columns import Cells, Columns
from .imputation_draws import LEVELS, Draws, Predicted, Target, hidden_cells
from .imputation_scores import Scores
from .subsets import Subset

MODEL = ""  # whose scores have no name
OTHER_CELLS = "other cells"  # what is given where single cells are withheld
FEW = 5  # modalities up to which each is given alone too
DRAWN_NUMBERS = 2**26  # of a target, at most, over all of its subsets
LEAST_ROWS = 64  # that are looked at nevertheless
HELD_NUMBERS = 2**24  # that are predicted before they are scored
TABLE_NUMBERS = 2**24  # of the rows that are looked at, and of those that baselines learn from


@dataclass(frozen=True)
class Finding:
    """How good predictions of a target are.

    Attributes:
        given: From what: modalities, or None for everything but the cells themselves.
        columns: Of the target.
        rows: The rows of those that are looked at with a value that is scored, ``[N]``.
        scores: Of the model (``MODEL``) and of each baseline.
        log_score: Mean over the values of a column, ``[C]``; NaN where there is none.
        coverage: Share of the values of a column within each of ``LEVELS``, ``[levels, C]``; NaN where there is none.
        note: What is known against it.
    """

    given: Subset | None
    columns: Columns
    rows: np.ndarray
    scores: Mapping[str, Scores]
    log_score: np.ndarray
    coverage: np.ndarray
    note: str

    @property
    def target(self) -> str:
        """The modality."""
        return self.columns.name

    @property
    def counts(self) -> np.ndarray:
        """Values of each column that are scored, ``[C]``."""
        return self.scores[MODEL].counts


def subsets_of(names: Sequence[str], choice: str | None, considered: Sequence[Subset]) -> list[Subset]:
    """What is given, by the option ``subsets``; each leaves at least one modality out."""
    but_one: list[Subset] = list(combinations(names, len(names) - 1))
    singles: list[Subset] = [(name,) for name in names]
    chosen: dict[str | None, list[Subset]] = {
        "all-but-one": but_one,
        "singles": singles,
        "both": [*singles, *but_one],
        "all": list(considered),
        None: [*singles, *but_one] if len(names) <= FEW else but_one,
    }
    return [subset for subset in dict.fromkeys(chosen[choice]) if 0 < len(subset) < len(names)]


def pairs_of(evaluation: Evaluation, choice: str | None) -> dict[Subset, list[str]]:
    """The targets of each subset that the objective infers from."""
    subsets = subsets_of(evaluation.names, choice, evaluation.considered)
    pairs = {
        given: [name for name in evaluation.targets if name not in given]
        for given in subsets
        if evaluation.model.infers(given)
    }
    return {given: targets for given, targets in pairs.items() if targets}


def partial(evaluation: Evaluation) -> list[str]:
    """The targets of which single cells can be withheld from the encoders."""
    modalities = evaluation.model.modalities
    return [name for name in evaluation.targets if modalities[name].missing == "cell" and _size(modalities[name]) > 1]


class Trial:
    """Held-out values of some rows.

    Args:
        evaluation: Of a model.
        rows: How many rows are looked at, at most.
        draws: Draws of z per row.
        train_rows: Training rows that baselines learn from, at most.
        baselines: Which baselines there are.
        iterations: Rounds of iterative imputation.
        own: The model's own inference, of the rows that allow it; encoders infer z otherwise.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        rows: int,
        draws: int,
        train_rows: int,
        baselines: Sequence[str],
        iterations: int,
        own: LaplaceInference | None = None,
    ) -> None:
        self.evaluation, self.draws, self.rows, seed = evaluation, draws, rows, evaluation.seed
        self.own = own
        width = sum(_size(modality) for modality in evaluation.model.modalities.values())
        most = max(LEAST_ROWS, TABLE_NUMBERS // width)
        self.table = _some(evaluation, evaluation.split, min(rows, most))
        train = self._side(_some(evaluation, "train", min(train_rows, most)))
        self.side = self._side(self.table)
        self.columns, self.notes = {}, {}
        for name, modality in evaluation.model.modalities.items():
            known = train.cells[name].measured.any()
            cells = (train if known else self.side).cells[name]
            transform = evaluation.model.transforms[evaluation.names.index(name)]
            self.columns[name] = Columns.of(name, modality, cells, cast(Transform, transform))
            self.notes[name] = "" if known else "against the mean of these rows: no training row has it"
        chooses = len(evaluation.data.val) and evaluation.split != "val"
        val = self._side(_some(evaluation, "val", min(train_rows, most))) if chooses else None
        known_names = baselines if len(train) else ()
        self.baselines = Baselines(self.columns, train, val, known_names, iterations, seed)

    def findings(self, pairs: Mapping[Subset, Sequence[str]], share: float) -> list[Finding]:
        """Of every pair, and of the withheld share of cells, where modalities have some."""
        found = self._from_others(pairs)
        cells = {name: self.side.cells[name] for name in partial(self.evaluation)} if share else {}
        return found + (self._from_other_cells(cells, share) if cells else [])

    def _from_others(self, pairs: Mapping[Subset, Sequence[str]]) -> list[Finding]:
        """Of every pair."""
        names = [name for name in self.evaluation.targets if any(name in targets for targets in pairs.values())]
        targets = {
            name: self._target(name, sum(name in targets for targets in pairs.values()))
            for name in names
            if self.side.cells[name].measured.any()
        }
        most = max((len(given) for given in pairs), default=0)
        found = []
        for part in track(self._parts(pairs, targets), "imputing held-out values"):
            draws = Draws(self.evaluation, self.table, targets, self.draws, self.own)
            for (given, name), predicted in draws.from_others(part).items():
                rows = self._rows(predicted.rows)
                guesses = dict(self.baselines.from_others(given, name, rows))
                if self.baselines.iterates and len(given) == most == len(self.evaluation.names) - 1:
                    guesses[ITERATIVE] = self.baselines.iterated(rows, without=name)[name]
                found.append(self._finding(given, targets[name].truth, predicted, guesses, name))
        order = self.evaluation.targets.index
        return sorted(found, key=lambda each: (order(each.target), len(each.given or ())))

    def _from_other_cells(self, cells: Mapping[str, Cells], share: float) -> list[Finding]:
        """Of withheld cells, from everything else that rows have."""
        table, withheld = hidden_cells(self.table, cells, share, self.evaluation.seed)
        targets = {
            name: Target(self.columns[name], hidden, np.any(hidden.measured, axis=1))
            for name, hidden in withheld.items()
            if hidden.measured.any()
        }
        if not targets:
            return []
        predicted = Draws(self.evaluation, table, targets, self.draws, self.own).from_what_is_left()
        rows = self._side(table)
        guesses = self.baselines.from_cells(rows)
        if self.baselines.iterates:
            for name, iterated in self.baselines.iterated(rows).items():
                guesses[name][ITERATIVE] = iterated
        return [
            self._finding(
                None,
                targets[name].truth,
                each,
                {baseline: values[each.rows] for baseline, values in guesses[name].items()},
                name,
            )
            for name, each in predicted.items()
        ]

    def _finding(
        self, given: Subset | None, truth: Cells, predicted: Predicted, guesses: Guesses, name: str
    ) -> Finding:
        """Scores of predictions."""
        columns, own = self.columns[name], truth[predicted.rows]
        coverage = np.full((len(LEVELS), len(columns)), np.nan)
        counted = [i for i in columns.scattered if own.measured[:, i].any()]
        coverage[:, counted] = _means(predicted.inside, own.measured)[:, counted]
        mask = np.zeros(len(self.table), dtype=bool)
        mask[predicted.rows[own.measured.any(1)]] = True
        return Finding(
            given,
            columns,
            mask,
            {who: Scores.of(columns, own, guess) for who, guess in {MODEL: predicted.guess, **guesses}.items()},
            _means(predicted.log_score[None], own.measured)[0],
            coverage,
            self.notes[name],
        )

    def _target(self, name: str, subsets: int) -> Target:
        """A modality, in so many of the rows that have it as there is time for."""
        cells = self.side.cells[name]
        places = np.flatnonzero(cells.measured.any(1))
        most = max(LEAST_ROWS, DRAWN_NUMBERS // (self.draws * cells.values.shape[1] * subsets))
        chosen = places[self.evaluation.draw(len(places), most).numpy()]
        wanted: np.ndarray = np.isin(np.arange(len(self.table)), chosen)
        return Target(self.columns[name], cells, wanted)

    def _parts(
        self, pairs: Mapping[Subset, Sequence[str]], targets: Mapping[str, Target]
    ) -> list[dict[Subset, list[str]]]:
        """The pairs, so many at a time that their predictions fit into memory."""
        parts: list[dict[Subset, list[str]]] = []
        held = HELD_NUMBERS
        for given, names in pairs.items():
            own = [name for name in names if name in targets]
            numbers = sum(int(targets[name].wanted.sum()) * len(targets[name].columns) for name in own)
            if held + numbers > HELD_NUMBERS:
                parts.append({})
                held = 0
            held += numbers
            if own:
                parts[-1][given] = own
        return [part for part in parts if part]

    def _rows(self, rows: np.ndarray) -> Side:
        """Some of the rows that are looked at."""
        return Side({name: cells[rows] for name, cells in self.side.cells.items()}, self.side.covariates[rows])

    def _side(self, table: Table) -> Side:
        """What rows have."""
        modalities = self.evaluation.model.modalities
        cells = {name: Cells.of(table, name, modality) for name, modality in modalities.items()}
        return Side(cells, self._covariates(table))

    def _covariates(self, table: Table) -> np.ndarray:
        """Covariates as numbers ``[N, T]``: those with classes one-hot, NaN where they are not known."""
        parts = [np.zeros((len(table), 0))]
        for name, classes in self.evaluation.model.covariates.items():
            values = table.covariates[name].double().numpy()[:, None]
            shown = np.where(values >= 0, values == np.arange(len(classes)), np.nan) if classes else values
            parts.append(shown.astype(np.float64))
        return np.concatenate(parts, 1)


def _some(evaluation: Evaluation, split: str, most: int) -> Table:
    """At most so many rows of a split, drawn at random."""
    table = evaluation.rows(split)
    return table.select(evaluation.draw(len(table), most))


def _means(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Means over the measured values of each column ``[..., n, C]``, or shares of those that are true; NaN where there
    are none.
    """
    count = measured.sum(0)
    total = np.where(measured, values, np.zeros((), values.dtype)).sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _size(modality: Modality) -> int:
    return math.prod(modality.shape)
