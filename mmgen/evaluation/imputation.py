"""How well held-out values are imputed: modalities from the others, and single cells from everything else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..errors import listed
from ..models import why_not
from ..models.inference import Inference
from .evaluation import Evaluation
from .imputation_baselines import (
    FEWEST,
    ITERATIVE,
    KNN,
    MEAN,
    RIDGE,
    WIDE_CELLS,
    WIDE_ITERATIVE,
    WIDE_PICTURE,
    WIDE_TARGET,
    affordable,
)
from .imputation_draws import LEVELS
from .imputation_scores import SCORES, Scores
from .imputation_trial import MODEL, OTHER_CELLS, Finding, Trial, pairs_of, partial, subsets_of
from .means import joined_notes, mean_row
from .metric import Metric, MetricConfig, Row, row
from .subsets import MEAN as OVER_TARGETS
from .subsets import Pair, Subset, SubsetSize, joined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Baseline = Literal["mean", "ridge", "knn", "iterative"]
BASELINES: tuple[Baseline, ...] = ("mean", "ridge", "knn", "iterative")
IN_WORDS = {MEAN: "the mean", RIDGE: "ridge", KNN: "nearest neighbours", ITERATIVE: "iterative imputation"}
SCORE, SKILL, LOG_SCORE, RIDGE_WINS = "score", "skill", "log_score", "ridge_wins"
COVERAGE = tuple(f"coverage_{100 * level:g}" for level in LEVELS)
SHOWN_LEVEL = 0.9
SHOWN_COVERAGE = COVERAGE[LEVELS.index(SHOWN_LEVEL)]
OFF = 0.02  # that intervals hold too much or too little, beyond chance, before it is said
NAMED = 5  # columns in a note


def of_baseline(measure: str, baseline: str) -> str:
    """What the same measure of a baseline is called; that of the model (``''``) is the measure itself."""
    return f"{measure}_{baseline}" if baseline else measure


class ImputationConfig(MetricConfig):
    """Options of :class:`Imputation`."""

    subsets: Literal["all-but-one", "singles", "both", "all"] | None = Field(
        None,
        description="What is given: every modality but the target; each single one; both; or every subset that the "
        "evaluation looks at. None: all but one, and single ones too where there are at most five modalities.",
    )
    rows: int = Field(2000, ge=1, description="Rows that are looked at, at most; fewer of targets with many values.")
    draws: int = Field(100, ge=39, description="Draws of z per row, and of the values that scatter around each.")
    inference: Inference | None = Field(
        None,
        description="What says where z is: model, the posterior of the model itself, or encoder, q(z | x_S). None: the "
        "model's own in rows that give only tables, where all modalities share one z, unless the encoders imputed the "
        "validation rows of the training better.",
    )
    cells: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the observed cells that are withheld, of modalities with missing: cell; 0: none.",
    )
    columns: int | None = Field(
        5, ge=0, description="Columns of each target that have rows of their own, the worst ones first. None: all."
    )
    baselines: tuple[Baseline, ...] = Field(
        BASELINES, description="What it is compared with on the same rows and values."
    )
    train_rows: int = Field(5000, ge=1, description="Training rows that baselines learn from, at most.")
    iterations: int = Field(5, ge=1, description="Rounds of iterative imputation, at most.")


class Imputation(Metric):
    r"""How well values that the model does not see are imputed, on held-out rows, as ``mmgen impute`` would.

    Every modality given the others (and given each single one), and single cells (``other cells``) given everything
    else that their row has: a seeded share of the observed cells is withheld. Of modalities only values that were
    measured are scored, in rows that have something of what is given. Predictions are those of ``mmgen impute``: means
    over draws of z given x_S of the mean of p(x | z), of categories the most frequent of the most probable ones. z is
    from the posterior of the model itself where that is possible, and from the encoders elsewhere (``inference``).

    ``r2`` of numbers and counts is 1 − Σ(x − x̂)²/Σ(x − x̄)² against the mean x̄ of the training rows, ``rmse`` is in
    standard deviations of the training rows; of several columns both are over all their values in these units.
    ``auc`` of yes/no answers (mean over columns), ``accuracy`` of categories and symbols. ``log_score`` is the mean
    over values of log 1/K Σ_k p(x | z_k), in nats: a density of numbers in training standard deviations, a probability
    of everything else. ``coverage_50``, ``coverage_90``, ``coverage_95``: the share of numbers within the intervals of
    draws from p(x | z_k), which is right where it is 0.5, 0.9, 0.95 (of counts at least as much); pixels have none.

    ``skill`` is comparable between kinds, 1 where everything is right and 0 for what knows nothing of the row: r2;
    2 auc − 1; (accuracy − c)/(1 − c), where c is that of the most frequent training category; of columns of several
    kinds the mean, each by the number of its columns. ``score``, the number to compare models by, is the mean over
    targets of the skill given all other modalities (where there are none, of withheld cells).

    Baselines by scikit-learn on the same rows and values end in their names: ``skill_mean``, ``skill_ridge``
    (RidgeCV, α of each column by leaving one out; logistic regression of up to 30 answers and categories),
    ``skill_knn`` (5, 10 or 20 neighbours, by validation rows), ``skill_iterative`` (IterativeImputer with
    BayesianRidge, up to 100 columns, given all others). They see standardised values, logarithms of positive numbers
    and counts, one-hot categories, covariates, and the mean where a row lacks something; above 1,000 inputs their 200
    first principal components. ``ridge_wins`` is the share of the columns in which ridge is better. A note of a skill
    names the best baseline that is better. The worst columns have rows with their name as label,
    with the skill alone of baselines.
    """

    Config = ImputationConfig
    headline = (SCORE, *(of_baseline(SCORE, name) for name in (RIDGE, KNN, ITERATIVE)), SKILL, SHOWN_COVERAGE)
    less_is_better = ("rmse", RIDGE_WINS)
    not_compared = (*COVERAGE, *(of_baseline(measure, name) for measure in (SCORE, *SCORES) for name in BASELINES))

    @classmethod
    def in_headline(cls, measure: str, given: str, target: str) -> bool:
        """The scores, and skill and coverage of each target by the size of what is given."""
        if measure in (SKILL, SHOWN_COVERAGE):
            return SubsetSize.parse(given) is not None or given == OTHER_CELLS
        return measure in cls.headline and (target == OVER_TARGETS)

    @classmethod
    def suits(cls, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        """Of columns with names, of rows that lack something, and where no label says what is right: elsewhere
        coherence is what is asked for.
        """
        named = any(modality.columns for modality in evaluation.model.modalities.values())
        gaps = not bool(evaluation.rows(evaluation.split).available.all()) or bool(partial(evaluation))
        return named or gaps or not evaluation.data.labels

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs something that is generated from something else."""
        if not evaluation.targets:
            return "the model generates nothing"
        if pairs_of(evaluation, self.config.subsets) or (self.config.cells and partial(evaluation)):
            return None
        if len(evaluation.names) == 1:
            return "there is one modality, and none of its cells can be withheld (missing: cell)"
        return "the objective infers nothing from fewer modalities, and no cells can be withheld (missing: cell)"

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Subsets that nothing is inferred from, modalities that have no cells, and baselines that cost too much."""
        sentences = []
        wanted = subsets_of(evaluation.names, self.config.subsets, evaluation.considered)
        lost = [joined(given) for given in wanted if not evaluation.model.infers(given)]
        if lost:
            sentences.append(f"the objective infers nothing from {listed(lost)}")
        whole = [name for name in evaluation.targets if name not in partial(evaluation)]
        if self.config.cells and whole:
            sentences.append(f"no single cells are withheld of {listed(whole)}, which the encoders see whole")
        return [*sentences, *self._encoded(evaluation, wanted), *self._unaffordable(evaluation)]

    def _encoded(self, evaluation: Evaluation, wanted: Sequence[Subset]) -> Iterator[str]:
        """From what z is inferred by the encoders, where something else was possible."""
        if self.config.inference == "encoder":
            return
        own, reason = evaluation.inference(self.config.inference)
        if own is None:
            yield f"z is inferred by the encoders: {reason}"
        elif lost := [joined(given) for given in wanted if why_not(evaluation.model, given) is not None]:
            yield f"z is inferred by the encoders where these are given: {listed(lost)}"

    def _unaffordable(self, evaluation: Evaluation) -> list[str]:
        """Which baselines there are not, and why."""
        trial, asked = self._trial(evaluation), {*self.config.baselines} - {MEAN}
        baselines, width = trial.baselines, trial.baselines.width
        if not asked:
            return []
        if len(baselines.train) < FEWEST:
            return [f"baselines learn from at least {FEWEST} training rows"]
        sentences = []
        if ITERATIVE in asked and not baselines.iterates:
            sentences.append(f"iterative imputation is for up to {WIDE_ITERATIVE} columns, and there are {width}")
        if self.config.cells and partial(evaluation) and not baselines.judges_cells:
            sentences.append(f"withheld cells of more than {WIDE_CELLS} columns are compared with the mean alone")
        large = [name for name in evaluation.targets if not affordable(trial.columns[name])]
        if large:
            sentences.append(
                f"the only baseline of {listed(large)} is the mean: others are for up to {WIDE_TARGET} numbers, or "
                f"{WIDE_PICTURE} pixels, symbols or answers"
            )
        return sentences

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """The overall scores, means by the size of what is given, and every pair; then the worst columns."""
        findings = self.findings(evaluation)
        groups = {
            given: [each for each in findings if _size_of(evaluation, each) == given]
            for given in dict.fromkeys(_size_of(evaluation, each) for each in findings)
        }
        rows = list(self._overall(evaluation, groups))
        for given, group in groups.items():
            rows += self._of_size(given, group)
        for each in findings:
            if each.counts.any():
                rows += self._of_finding(each)
        most = max((len(each.given or ()) for each in findings), default=0)
        return rows + [line for each in findings if len(each.given or ()) == most for line in self._of_columns(each)]

    def findings(self, evaluation: Evaluation) -> list[Finding]:
        """How good every prediction is, by target, found once for each evaluation and options."""
        config, pairs = self.config, pairs_of(evaluation, self.config.subsets)
        return evaluation.cached(self._key, lambda: self._trial(evaluation).findings(pairs, config.cells))

    @property
    def _key(self) -> tuple[str, str]:
        """By what an evaluation keeps the findings."""
        return "imputation findings", self.config.model_dump_json()

    def _trial(self, evaluation: Evaluation) -> Trial:
        config = self.config
        return evaluation.cached(
            ("imputation trial", config.model_dump_json()),
            lambda: Trial(
                evaluation,
                config.rows,
                config.draws,
                config.train_rows,
                config.baselines,
                config.iterations,
                evaluation.inference(config.inference)[0],
            ),
        )

    # Rows -------------------------------------------------------------------------------------------------------------

    def _overall(self, evaluation: Evaluation, groups: Mapping[str, Sequence[Finding]]) -> Iterator[Row]:
        """The mean skill given as much as possible, of the model and of each baseline."""
        sizes = [given for given in groups if given != OTHER_CELLS]
        best = max(sizes, key=lambda given: SubsetSize.parse(given) or SubsetSize(0, 0)) if sizes else OTHER_CELLS
        for line in _means(groups.get(best, ()), (SKILL,)):
            measure = line["measure"].replace(SKILL, SCORE, 1)
            yield {**line, "measure": measure, "given": ""}

    def _of_size(self, given: str, findings: Sequence[Finding]) -> Iterator[Row]:
        """Means over the subsets of one size, of each target and over all."""
        for target in dict.fromkeys(each.target for each in findings):
            own = [each for each in findings if each.target == target]
            if given != OTHER_CELLS:
                yield from _means(own, (SKILL,), given, target)
                yield from _coverages(own, given, target)
        yield from _means(findings, (SKILL, "r2"), given)
        yield from _coverages(findings, given)

    def _of_finding(self, finding: Finding) -> Iterator[Row]:
        """Everything about one target given one subset."""
        given, n = _given(finding), int(finding.rows.sum())

        def line(measure: str, value: float, note: str = "") -> Row:
            return row(measure, value, n, given=given, target=finding.target, note=joined_notes(finding.note, note))

        for who, scores in finding.scores.items():
            for measure, value in scores.together().items():
                note = _better(finding) if measure == SKILL and who == MODEL else ""
                yield line(of_baseline(measure, who), value, note)
        known = np.isfinite(finding.log_score)
        if known.any():
            weights = finding.counts[known]
            if weights.any():
                out = [finding.columns.names[i] for i in np.flatnonzero(np.isneginf(finding.log_score))]
                note = f"without {listed(out[:NAMED])}, where the model thinks a value impossible" if out else ""
                yield line(LOG_SCORE, float(np.average(finding.log_score[known], weights=weights)), note)
        for measure, share in zip(COVERAGE, _coverage(finding), strict=True):
            if np.isfinite(share):
                yield line(measure, share)
        if RIDGE in finding.scores:
            ours, theirs = (finding.scores[who].by_column()[SKILL] for who in (MODEL, RIDGE))
            both = np.isfinite(ours) & np.isfinite(theirs)
            if both.any():
                yield line(RIDGE_WINS, float((theirs > ours)[both].mean()))

    def _of_columns(self, finding: Finding) -> Iterator[Row]:
        """The columns with the least skill, by name."""
        by_column = {who: scores.by_column() for who, scores in finding.scores.items()}
        skill = by_column[MODEL][SKILL]
        order = [int(i) for i in np.argsort(skill, kind="stable") if np.isfinite(skill[i])]
        for i in order[: self.config.columns]:
            numbers = {
                of_baseline(measure, who): values[i]
                for who, measures in by_column.items()
                for measure, values in measures.items()
                if who == MODEL or measure == SKILL
            }
            numbers |= {LOG_SCORE: finding.log_score[i]}
            numbers |= dict(zip(COVERAGE, finding.coverage[:, i], strict=True))
            for measure, value in numbers.items():
                if np.isfinite(value):
                    name, n = finding.columns.names[i], int(finding.counts[i])
                    yield row(measure, value, n, given=_given(finding), target=finding.target, label=name)

    def figures(self, evaluation: Evaluation, metrics: Sequence[Metric] = ()) -> dict[str, Figure]:
        """Skill beside that of baselines, and coverage against what intervals say, of what was computed: nothing is
        imputed for a picture alone.
        """
        from .imputation_figure import imputation_figure

        if not evaluation.holds(self._key):
            return {}
        findings = [each for each in self.findings(evaluation) if _skill(each.scores[MODEL]) is not None]
        return {"imputation": imputation_figure(evaluation, findings)} if findings else {}


def _size_of(evaluation: Evaluation, finding: Finding) -> str:
    """What is given, as means over subsets name it."""
    return OTHER_CELLS if finding.given is None else str(SubsetSize(len(finding.given), len(evaluation.names)))


def _given(finding: Finding) -> str:
    return OTHER_CELLS if finding.given is None else joined(finding.given)


def _skill(scores: Scores) -> float | None:
    return scores.together().get(SKILL)


def _coverages(findings: Sequence[Finding], given: str, target: str = OVER_TARGETS) -> Iterator[Row]:
    """Means of coverages, with a note of 90 % intervals that are too wide or too narrow by more than chance."""
    for level, measure in enumerate(COVERAGE):
        shares = [(each.rows, _coverage(each)[level]) for each in findings]
        known = [(rows, share) for rows, share in shares if np.isfinite(share)]
        if not known:
            continue
        line = mean_row(measure, [share for _, share in known], [rows for rows, _ in known], given=given, target=target)
        if measure == SHOWN_COVERAGE and target != OVER_TARGETS:
            line["note"] = joined_notes(line["note"], _width(line["value"], line["n"]))
        yield line


def _width(share: float, rows: int) -> str:
    """What is to say of 90 % intervals that hold such a share; chance is that of as many values as there are rows,
    since those of one row are not independent.
    """
    away = share - SHOWN_LEVEL
    if abs(away) < OFF + 2 * math.sqrt(SHOWN_LEVEL * (1 - SHOWN_LEVEL) / rows):
        return ""
    return "intervals are too wide" if away > 0 else "intervals are too narrow"


def _coverage(finding: Finding) -> np.ndarray:
    """Of all values of a target, ``[levels]``; NaN where there are none."""
    known = np.isfinite(finding.coverage[0]) & (finding.counts > 0)
    if not known.any():
        return np.full(len(finding.coverage), np.nan)
    share: np.ndarray = np.average(finding.coverage[:, known], axis=1, weights=finding.counts[known])
    return share


def _better(finding: Finding) -> str:
    """The best baseline, where it is better than the model."""
    ours = _skill(finding.scores[MODEL])
    skills = {who: _skill(scores) for who, scores in finding.scores.items() if who != MODEL}
    known = {who: value for who, value in skills.items() if value is not None}
    best = max(known, key=lambda who: known[who], default=None)
    if best is None or ours is None or known[best] <= ours:
        return ""
    return f"{IN_WORDS[best]} has {known[best]:.2f}"


def _means(
    findings: Sequence[Finding], measures: Sequence[str], given: str = "", target: str = OVER_TARGETS
) -> Iterator[Row]:
    """The mean of measures over findings, of the model and of each baseline; which targets these have, if not all."""
    for measure in measures:
        ours = {id(each): each.scores[MODEL].together().get(measure) for each in findings}
        for who in (MODEL, *BASELINES):
            known = [
                (each, value)
                for each in findings
                if who in each.scores
                and ours[id(each)] is not None
                and (value := each.scores[who].together().get(measure)) is not None
            ]
            if not known:
                continue
            masks = [each.rows for each, _ in known]
            of = list(dict.fromkeys(each.target for each, _ in known))
            fewer = len(known) < sum(value is not None for value in ours.values())
            note = f"of {listed(of)} alone" if fewer else ""
            if who == MODEL:
                note = _ahead(findings, measure, float(np.mean([value for _, value in known])), len(known))
            yield mean_row(
                of_baseline(measure, who),
                [value for _, value in known],
                masks,
                given=given,
                target=target,
                note=joined_notes(*sorted({each.note for each, _ in known} - {""}), note),
            )


def _ahead(findings: Sequence[Finding], measure: str, ours: float, count: int) -> str:
    """The best baseline that has all that the model has, where its mean is better."""
    means = {}
    for who in BASELINES:
        values = [each.scores[who].together().get(measure) for each in findings if who in each.scores]
        known = [value for value in values if value is not None]
        if len(known) == count:
            means[who] = float(np.mean(known))
    best = max(means, key=lambda who: means[who], default=None)
    return f"{IN_WORDS[best]} has {means[best]:.2f}" if best is not None and means[best] > ours else ""
