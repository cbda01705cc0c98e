"""Whether what is generated shows the label that it should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from ..data import TextModality
from .classifiers import STEPS, Budget, Classifier, classifier_for
from .evaluation import Evaluation, Generation, Pair
from .labels import Labels, learnable, no_label, unlearnable
from .means import Means, summed_over
from .metric import Metric, MetricConfig, Row, row
from .scores import accuracy, average_precisions, known_rows, mean_average_precision
from .text import nearest_words

Judgement = dict[str, np.ndarray]  # label to classes [N], or to scores [N, L]


class CoherenceConfig(MetricConfig):
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
    modalities and their targets. ``joint`` is the share of draws from the prior for which the classifiers of all
    modalities find the same class; its target names them where the model does not generate all. ``classifier`` is the
    accuracy on the real data of the split: no coherence means more than that. A classifier that has seen one class has
    nothing to find, and a single one nothing to agree with: there are no rows.

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

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs labels, and rows to learn them from."""
        if not evaluation.targets:
            return "the model generates nothing"
        return no_label(evaluation, "classifiers")

    def omits(self, evaluation: Evaluation) -> list[str]:
        """Labels of one class."""
        return unlearnable(evaluation, "classifiers")

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """All pairs that can be judged, or those whose target is not given; from the prior where there are classes."""
        given, target = pair
        labels = self._labels(evaluation, target)
        if given:
            return bool(labels) and (self.config.given or target not in given)
        return any(codes.ndim == 1 for codes in labels.values())

    def judge(self, evaluation: Evaluation, generation: Generation) -> Judgement:
        """What the classifiers find."""
        return self._found(evaluation, generation.target, generation.values)

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Judgement]) -> list[Row]:
        """Rows for every label, subset and target."""
        table = evaluation.latents().table
        real = {name: self._found(evaluation, name, table.data[name][:]) for name in evaluation.targets}
        return [
            each
            for label, truth in evaluation.labels().items()
            for each in self._of_label(
                evaluation,
                label,
                truth,
                {pair: found[label] for pair, found in judged.items() if label in found},
                {name: found[label] for name, found in real.items() if label in found},
            )
        ]

    def _of_label(
        self,
        evaluation: Evaluation,
        label: str,
        truth: np.ndarray,
        found: Mapping[Pair, np.ndarray],
        real: Mapping[str, np.ndarray],
    ) -> list[Row]:
        latents, several = evaluation.latents(), truth.ndim == 2
        known = known_rows(truth)
        score, end = (mean_average_precision, "_map") if several else (accuracy, "")
        rows: list[Row] = []
        notes: dict[str, str] = {}
        judges: list[tuple[float, np.ndarray]] = []
        for target, predicted in real.items():
            scored = latents.table.available[:, evaluation.names.index(target)].numpy() & known
            value = score(predicted[scored], truth[scored]) if scored.any() else np.nan
            if np.isfinite(value):
                judges.append((value, scored))
                notes[target] = (
                    ""
                    if value >= self.config.trustworthy
                    else f"untrustworthy: its classifier has {value:.2f} on real data"
                )
                rows.append(
                    row(f"classifier{end}", value, int(scored.sum()), given="real data", target=target, label=label)
                )
                rows += self._answers(evaluation, "classifier_ap", predicted, truth, scored, "real data", target, label)
        doubted = "untrustworthy: some classifiers are too weak" if any(notes.values()) else ""
        means = Means(evaluation, "mean")
        for (given, target), predicted in found.items():
            scored = latents.complete[latents.index(given)].numpy() & known if given else known[:0]
            value = score(predicted[scored], truth[scored]) if scored.any() else np.nan
            if not np.isfinite(value):
                continue
            measure, called, note = "self" if target in given else "cross", "+".join(given), notes.get(target, "")
            means.add(f"{measure}{end}", given, value, scored)
            rows.append(
                row(f"{measure}{end}", value, int(scored.sum()), given=called, target=target, label=label, note=note)
            )
            rows += self._answers(evaluation, f"{measure}_ap", predicted, truth, scored, called, target, label)
        rows += means.rows(label, doubted)
        if judges:
            values, looked_at = zip(*judges, strict=True)
            n = int(np.any(looked_at, axis=0).sum())
            rows.append(row(f"classifier{end}", np.mean(values), n, given="real data", target="mean", label=label))
        drawn = {} if several else {target: classes for (given, target), classes in found.items() if not given}
        return rows + (self._agreement(evaluation, drawn, label, doubted) if len(drawn) > 1 else [])

    @staticmethod
    def _agreement(evaluation: Evaluation, drawn: Mapping[str, np.ndarray], label: str, doubted: str) -> list[Row]:
        """How often the classes of everything that is drawn from the prior are the same."""
        first = next(iter(drawn.values()))
        agreed = np.all([(classes == first) & (classes >= 0) for classes in drawn.values()], axis=0)
        dynamic = "the prior depends on data: from N(0, I)" if evaluation.model.objective.dynamic_prior else ""
        note = "; ".join(said for said in (doubted, dynamic) if said)
        target = summed_over(drawn, evaluation.names)
        return [row("joint", agreed.mean(), len(agreed), given="prior", target=target, label=label, note=note)]

    @staticmethod
    def _answers(
        evaluation: Evaluation,
        measure: str,
        scores: np.ndarray,
        truth: np.ndarray,
        scored: np.ndarray,
        given: str,
        target: str,
        label: str,
    ) -> list[Row]:
        """The average precision of each answer, where there are several."""
        if truth.ndim == 1:
            return []
        each = average_precisions(scores[scored], truth[scored])
        names = evaluation.data.labels[label]
        n = int(scored.sum())
        return [
            row(measure, value, n, given=given, target=target, label=f"{label}: {name}")
            for name, value in zip(names, each, strict=True)
            if np.isfinite(value)
        ]

    def _found(self, evaluation: Evaluation, target: str, values: Tensor) -> Judgement:
        """Classes, or scores, that the values of a modality show: one entry per label."""
        found: dict[str, np.ndarray] = {}
        modality: Any = evaluation.data.modalities[target]
        logits: dict[str, Tensor] | None = None
        for label, truth in self._labels(evaluation, target).items():
            if self._by_words(evaluation, target, truth):
                found[label] = nearest_words(modality, values, evaluation.data.labels[label])
                continue
            if logits is None:
                logits = judge_of(evaluation, target, self.config.classifier_steps).logits(values)
            found[label] = (logits[label].argmax(-1) if truth.ndim == 1 else logits[label]).numpy()
        return found

    def _labels(self, evaluation: Evaluation, target: str) -> Labels:
        """The labels to find in a modality: of two classes that its training rows show, or two words to choose from."""
        labels = evaluation.once(("labels", target), lambda: learnable(evaluation, target))
        words = {
            label: truth
            for label, truth in evaluation.labels().items()
            if self._by_words(evaluation, target, truth) and len(evaluation.data.labels[label]) > 1
        }
        return {label: truth for label, truth in evaluation.labels().items() if label in labels or label in words}

    def _by_words(self, evaluation: Evaluation, target: str, truth: np.ndarray) -> bool:
        text = isinstance(evaluation.data.modalities[target], TextModality)
        return text and self.config.text == "words" and truth.ndim == 1


def judge_of(evaluation: Evaluation, target: str, steps: int) -> Classifier:
    """The classifier of the labels from a modality, kept as long as the evaluation is."""

    def make() -> Classifier:
        return classifier_for(
            evaluation.data, target, evaluation.data.modalities[target], Budget(steps), device=evaluation.device
        )

    return evaluation.once(("classifier", target, steps), make)
