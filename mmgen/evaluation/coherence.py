"""Whether what is generated shows the label that it should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from .classifiers import STEPS
from .evaluation import Evaluation
from .judges import Judges, Verdicts
from .labels import no_label, unlearnable
from .latents import Generation
from .means import Means, joined_notes, mean_row, summed_over
from .metric import Metric, Row, SamplingConfig, row
from .scores import accuracy, average_precisions, known_rows, mean_average_precision
from .subsets import MEAN, PRIOR, Pair, joined

REAL = "real data"  # what is given where the classifiers themselves are judged


class CoherenceConfig(SamplingConfig):
    """Options of :class:`Coherence`."""

    classifier_steps: int = Field(
        STEPS, ge=1, description="Optimiser steps that the judging classifiers are trained for."
    )
    trustworthy: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Accuracy (mean average precision for several yes/no answers) of a classifier on real held-out "
        "data below which its verdicts are marked untrustworthy.",
    )
    given: bool = Field(True, description="Whether targets that are given are judged too (self-coherence).")
    text: Literal["classifier", "words"] = Field(
        "classifier",
        description="How text is judged: by a classifier, or as the class whose name is nearest in edit distance (a "
        "tie is no class).",
    )


class Coherence(Metric):
    """Coherence: a classifier of the target modality must find in the generated value the label of the given ones.

    z ~ q(z | x_S), the mean of p(x_target | z), and a classifier trained on real training data of that modality.
    ``cross`` has targets that are not given, ``self`` those that are. ``k of M`` is the mean over all subsets of k
    modalities and their targets. ``joint`` is the share of draws from the prior (or of the ``sampler``, which its row
    names) for which the classifiers of all modalities find the same class; its target names them where the model does
    not generate all. ``classifier`` is the accuracy on the real data of the split: no coherence means more than that. A
    classifier that has seen one class has nothing to find, and a single one nothing to agree with: there are no rows.

    For a label of several yes/no answers the measures end in ``_map``: the mean over answers of the average precision
    of the classifier's scores. Each answer's own is there too (``cross_ap``, ``classifier_ap``).

    Source: Shi et al. 2019, section 4 (cross and joint); the averages as in "Unity by Diversity", section 5, and
    "Mitigating the limitations of multimodal VAEs", section 5, whose cross-coherence leaves out targets that are given;
    words as in the latter's text evaluation.
    """

    Config = CoherenceConfig
    headline = ("cross", "joint", "classifier", "cross_map", "classifier_map")
    over_targets = ("joint",)
    not_compared = ("classifier", "classifier_map", "classifier_ap")

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs labels, and rows to learn them from."""
        if not evaluation.targets:
            return "the model generates nothing"
        return no_label(evaluation, "classifiers")

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Labels of one class."""
        return unlearnable(evaluation, "classifiers")

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """All pairs that can be judged, or those whose target is not given; from the prior where there are classes."""
        given, target = pair
        labels = self._judges(evaluation).labels(target)
        if given:
            return bool(labels) and (self.config.given or target not in given)
        return any(codes.ndim == 1 for codes in labels.values())

    def judge(self, evaluation: Evaluation, generation: Generation) -> Verdicts:
        """What the classifiers find."""
        judges = self._judges(evaluation)
        key = ("verdicts", judges.steps, judges.by_words)
        return generation.found(key, lambda: judges.verdicts(generation.target, generation.values))

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Verdicts]) -> list[Row]:
        """Rows for every label, subset and target."""
        table, judges = evaluation.latents().table, self._judges(evaluation)
        real = {name: judges.verdicts(name, table.data[name][:]) for name in evaluation.targets}
        rows: list[Row] = []
        for label, truth in evaluation.labels().items():
            of_label = {pair: verdicts[label] for pair, verdicts in judgements.items() if label in verdicts}
            of_real = {name: verdicts[label] for name, verdicts in real.items() if label in verdicts}
            rows += self._of_label(Truth(evaluation, label, truth), of_label, of_real)
        return rows

    def _of_label(self, truth: Truth, verdicts: Mapping[Pair, np.ndarray], real: Mapping[str, np.ndarray]) -> list[Row]:
        """The classifiers on real data, then what they say of every pair, the means, and draws from the prior."""
        classifiers = self._classifiers(truth, real)
        notes = {target: self._doubt(score.value) for target, score in classifiers.items()}
        doubt = "untrustworthy: some classifiers are too weak" if any(notes.values()) else ""
        rows = [each for score in classifiers.values() for each in score.rows()]
        means = Means(truth.evaluation, MEAN)
        for (given, target), predicted in verdicts.items():
            measure = "self" if target in given else "cross"
            score = truth.score(predicted, truth.rows_with(given), measure, joined(given), target)
            if given and score is not None:
                means.add(score.measure, given, score.value, score.mask)
                rows += score.rows(notes.get(target, ""))
        rows += means.rows(truth.label, doubt)
        if classifiers:
            rows.append(self._mean_of(classifiers, truth))
        drawn = {target: classes for (given, target), classes in verdicts.items() if not given}
        return rows + (self._agreement(truth, drawn, doubt) if len(drawn) > 1 and not truth.several else [])

    @staticmethod
    def _classifiers(truth: Truth, real: Mapping[str, np.ndarray]) -> dict[str, Score]:
        """How right each modality's classifier is on real data."""
        scores = {
            target: truth.score(predicted, truth.rows_of(target), "classifier", REAL, target)
            for target, predicted in real.items()
        }
        return {target: score for target, score in scores.items() if score is not None}

    def _doubt(self, quality: float) -> str:
        """What is said against a classifier of some quality."""
        weak = quality < self.config.trustworthy
        return f"untrustworthy: its classifier has {quality:.2f} on real data" if weak else ""

    @staticmethod
    def _mean_of(classifiers: Mapping[str, Score], truth: Truth) -> Row:
        """The mean over the classifiers of all modalities."""
        scores = list(classifiers.values())
        values, masks = [score.value for score in scores], [score.mask for score in scores]
        return mean_row(scores[0].measure, values, masks, given=REAL, label=truth.label)

    def _agreement(self, truth: Truth, drawn: Mapping[str, np.ndarray], doubt: str) -> list[Row]:
        """How often the classes of everything that is drawn together are the same."""
        evaluation, first = truth.evaluation, next(iter(drawn.values()))
        agreed = np.all([(classes == first) & (classes >= 0) for classes in drawn.values()], axis=0)
        origin = evaluation.origin(self.sampler)
        unlike = origin == PRIOR and evaluation.model.has_dynamic_prior
        dynamic = "the prior depends on data: from N(0, I)" if unlike else ""
        target, note = summed_over(drawn, evaluation.names), joined_notes(doubt, dynamic)
        return [row("joint", agreed.mean(), len(agreed), given=origin, target=target, label=truth.label, note=note)]

    def _judges(self, evaluation: Evaluation) -> Judges:
        return Judges(evaluation, self.config.classifier_steps, by_words=self.config.text == "words")


@dataclass(frozen=True)
class Truth:
    """What the evaluated rows have of a label.

    Attributes:
        evaluation: What is evaluated.
        label: Its name.
        codes: Codes ``[N]``, or several yes/no answers ``[N, L]``; −1 is unknown.
    """

    evaluation: Evaluation
    label: str
    codes: np.ndarray

    @property
    def several(self) -> bool:
        """Whether it has several yes/no answers."""
        return self.codes.ndim == 2

    def rows_of(self, modality: str) -> np.ndarray:
        """Which rows have a modality and the label, ``[N]``."""
        available = self.evaluation.latents().table.available[:, self.evaluation.names.index(modality)]
        return available.numpy() & known_rows(self.codes)

    def rows_with(self, given: tuple[str, ...]) -> np.ndarray:
        """Which rows have what is given and the label, ``[N]``; none where nothing is given."""
        if not given:
            return np.zeros(len(self.codes), dtype=bool)
        latents = self.evaluation.latents()
        return latents.complete[latents.index(given)].numpy() & known_rows(self.codes)

    def score(self, predicted: np.ndarray, mask: np.ndarray, measure: str, given: str, target: str) -> Score | None:
        """How right predictions are on some rows; None where nothing can be said."""
        if not mask.any():
            return None
        of = mean_average_precision if self.several else accuracy
        value = of(predicted[mask], self.codes[mask])
        return Score(self, predicted, mask, value, measure, given, target) if np.isfinite(value) else None


@dataclass(frozen=True)
class Score:
    """How right predictions are.

    Attributes:
        truth: What is right.
        predicted: Classes ``[N]``, or scores ``[N, L]``.
        mask: On which rows, ``[N]``.
        value: Accuracy, or mean average precision.
        kind: ``cross``, ``self`` or ``classifier``.
        given: As the rows say it.
        target: The modality that is judged.
    """

    truth: Truth
    predicted: np.ndarray
    mask: np.ndarray
    value: float
    kind: str
    given: str
    target: str

    @property
    def measure(self) -> str:
        """What its row is called."""
        return f"{self.kind}_map" if self.truth.several else self.kind

    def rows(self, note: str = "") -> Iterator[Row]:
        """Its row, and one for each answer where there are several, which have no note."""
        label, n = self.truth.label, int(self.mask.sum())
        yield row(self.measure, self.value, n, given=self.given, target=self.target, label=label, note=note)
        if not self.truth.several:
            return
        precisions = average_precisions(self.predicted[self.mask], self.truth.codes[self.mask])
        for answer, value in zip(self.truth.evaluation.data.labels[label], precisions, strict=True):
            if np.isfinite(value):
                of = f"{label}: {answer}"
                yield row(f"{self.kind}_ap", value, n, given=self.given, target=self.target, label=of)
