"""Which modality adds what to which: what predictions lose when it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field

from .evaluation import Evaluation
from .means import mean_row
from .metric import Metric, MetricConfig, Row, row
from .predictions import Predictions, floor, is_accuracy, predictions, score
from .subsets import Pair, SubsetSize, joined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

R2, ACCURACY = "r2", "accuracy"
GAIN, ACCURACY_GAIN = "gain", "accuracy_gain"


class ModalityGainConfig(MetricConfig):
    """Options of :class:`ModalityGain`."""

    rows: int = Field(500, ge=2, description="Rows that are looked at, at most, drawn at random; fewer of wide ones.")
    draws: int = Field(10, ge=1, description="Draws of z per row, over which predictions are means.")
    modalities: int = Field(
        12, ge=2, description="Modalities that are predicted and left out, at most; others are given always."
    )


@dataclass(frozen=True)
class Gains:
    """What others say of one modality.

    Attributes:
        target: The modality.
        given: All others.
        score: R², or accuracy, given these.
        accuracy: Which of the two it is.
        n: Of how many rows.
        mask: Which, of all that are looked at, ``[N]``.
        without: By the name of another modality, how much the score falls when it is left out, and the number of rows.
    """

    target: str
    given: tuple[str, ...]
    score: float
    accuracy: bool
    n: int
    mask: np.ndarray
    without: Mapping[str, tuple[float, int]] = field(default_factory=dict)


class ModalityGain(Metric):
    """How well each modality is predicted from all others (``r2``; of labels and texts ``accuracy``), and how much of
    that is lost when one of them, which ``label`` names, is left out (``gain``, ``accuracy_gain``).

    Rows that lack some of the others are predicted from what they have. A gain compares the same rows, those that have
    the modality that is left out: score given all others − score given all others but that one. Where nothing is left,
    the score is that of the mean, R² 0, or of the most frequent value. A gain near 0 means that others say the same,
    or that it says nothing: what is predicted from it alone (``reconstruction``) tells these apart. A negative one
    means that the model is better off without. R² is over all columns, each in standard deviations of training rows,
    and of mixed ones the shares of categories count too, which ``r2`` of ``imputation`` leaves to ``auc`` and
    ``accuracy``. Predictions are means over draws of z, which is inferred as ``mmgen impute`` infers it: by the
    model's own likelihood, or by the encoders.
    """

    Config = ModalityGainConfig
    headline = (R2, ACCURACY)
    not_compared = (GAIN, ACCURACY_GAIN)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs modalities that are predicted from others."""
        if len(evaluation.names) < 2:
            return "there is one modality"
        if not evaluation.targets:
            return "the model generates nothing"
        if not self._gains(evaluation):
            return "no row has a modality that varies and others from which the model infers it"
        return None

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Modalities beyond so many."""
        rest = len(evaluation.names) - len(self._chosen(evaluation))
        return [f"{rest} modalities are neither predicted nor left out (its option modalities)"] if rest else []

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every modality and every other one, and the mean over modalities."""
        rows: list[Row] = []
        size = SubsetSize(len(evaluation.names) - 1, len(evaluation.names))
        found = self._gains(evaluation)
        for each in found:
            measure, gain = (ACCURACY, ACCURACY_GAIN) if each.accuracy else (R2, GAIN)
            given = joined(each.given)
            rows.append(row(measure, each.score, each.n, given=given, target=each.target))
            rows += [
                row(gain, lost, n, given=given, target=each.target, label=name)
                for name, (lost, n) in each.without.items()
            ]
        for measure, accuracy in ((R2, False), (ACCURACY, True)):
            alike = [each for each in found if each.accuracy == accuracy]
            if alike:
                scores, masks = [each.score for each in alike], [each.mask for each in alike]
                rows.append(mean_row(measure, scores, masks, given=str(size)))
        return rows

    def figures(self, evaluation: Evaluation, metrics: Any = ()) -> dict[str, Figure]:
        """``modality-gain``: a matrix of what is predicted and what is left out."""
        from .learned_drawing import gain_figure

        return {"modality-gain": gain_figure(evaluation, self._gains(evaluation))}

    def _chosen(self, evaluation: Evaluation) -> list[str]:
        """The modalities that are looked at: drawn by their names, so that their order means nothing."""
        names = sorted(evaluation.names)
        order = np.random.default_rng(evaluation.seed).permutation(len(names))[: self.config.modalities]
        kept = {names[i] for i in order}
        return [name for name in evaluation.names if name in kept]

    def _gains(self, evaluation: Evaluation) -> list[Gains]:
        def make() -> list[Gains]:
            chosen = self._chosen(evaluation)
            found = (self._of_target(evaluation, name, chosen) for name in chosen if name in evaluation.targets)
            return [each for each in found if each is not None]

        return evaluation.cached(("modality gain", self.config), make)

    def _of_target(self, evaluation: Evaluation, target: str, chosen: list[str]) -> Gains | None:
        others = tuple(name for name in evaluation.names if name != target)
        if not evaluation.model.infers(others):
            return None
        full = self._predictions(evaluation, others, target)
        value = None if full is None else score(full)
        if full is None or value is None:
            return None
        mask = np.zeros(len(evaluation.data.split(evaluation.split)), dtype=bool)
        mask[full.places.numpy()] = True
        without = {
            name: lost
            for name in others
            if name in chosen and (lost := self._lost(evaluation, full, others, name, target)) is not None
        }
        return Gains(target, others, value, is_accuracy(full), len(full.places), mask, without)

    def _lost(
        self, evaluation: Evaluation, full: Predictions, others: tuple[str, ...], left_out: str, target: str
    ) -> tuple[float, int] | None:
        """How much the score falls without one of the others, over the rows that have it and others beside it."""
        rest = tuple(name for name in others if name != left_out)
        has = full.available[:, evaluation.names.index(left_out)]
        if not rest:
            with_it = score(full, has)
            return None if with_it is None else (with_it - floor(evaluation, full, target, has), int(has.sum()))
        if not evaluation.model.infers(rest):
            return None
        less = self._predictions(evaluation, rest, target)
        if less is None:
            return None
        both = has & torch.isin(full.places, less.places)
        with_it, without = score(full, both), score(less, torch.isin(less.places, full.places[both]))
        return None if with_it is None or without is None else (with_it - without, int(both.sum()))

    def _predictions(self, evaluation: Evaluation, given: tuple[str, ...], target: str) -> Predictions | None:
        return predictions(evaluation, given, target, self.config.rows, self.config.draws)
