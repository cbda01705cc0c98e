"""Who judges generated values: classifiers of the labels, trained on real rows, or the names of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..data import TextModality
from .classifiers import Budget, Classifier, classifier_for
from .evaluation import Evaluation
from .labels import Labels, learnable
from .text_distances import nearest_words

Verdicts = dict[str, np.ndarray]  # label to classes [N], or to scores [N, L]


def judge_of(evaluation: Evaluation, target: str, steps: int) -> Classifier:
    """The classifier of all labels from a modality, kept as long as the evaluation is.

    Args:
        evaluation: Whose data it is trained on.
        target: The modality that it sees.
        steps: Optimiser steps that it is trained for.
    """

    def make() -> Classifier:
        return classifier_for(
            evaluation.data, target, evaluation.data.modalities[target], Budget(steps), device=evaluation.device
        )

    return evaluation.cached(("classifier", target, steps), make)


def learnable_from(evaluation: Evaluation, target: str) -> Labels:
    """The labels of the evaluated rows that a classifier of a modality has something to learn about, found once."""
    return evaluation.cached(("labels", target), lambda: learnable(evaluation, target))


class Judges:
    """The judges of all modalities of an evaluation.

    Args:
        evaluation: Whose data they are trained on.
        steps: Optimiser steps that classifiers are trained for.
        by_words: Whether text is judged by the class whose name is nearest, instead of by a classifier.
    """

    def __init__(self, evaluation: Evaluation, steps: int, *, by_words: bool = False) -> None:
        self.evaluation, self.steps, self.by_words = evaluation, steps, by_words

    def labels(self, target: str) -> Labels:
        """The labels to find in a modality: of two classes that its training rows show, or two words to choose from."""
        evaluation = self.evaluation
        labels = learnable_from(evaluation, target)
        words = {
            label
            for label, truth in evaluation.labels().items()
            if self._reads_words(target, truth) and len(evaluation.data.labels[label]) > 1
        }
        return {label: truth for label, truth in evaluation.labels().items() if label in labels or label in words}

    def verdicts(self, target: str, values: Tensor) -> Verdicts:
        """Classes ``[N]``, or scores ``[N, L]`` of several yes/no answers, that values of a modality show.

        Args:
            target: The modality.
            values: Values in data units, ``[N, *shape]``.

        Returns:
            Label to verdicts, of the :meth:`labels` that there are to find.
        """
        evaluation = self.evaluation
        verdicts: Verdicts = {}
        modality: Any = evaluation.data.modalities[target]
        logits: dict[str, Tensor] | None = None
        for label, truth in self.labels(target).items():
            if self._reads_words(target, truth):
                verdicts[label] = nearest_words(modality, values, evaluation.data.labels[label])
                continue
            if logits is None:
                logits = judge_of(evaluation, target, self.steps).logits(values)
            verdicts[label] = (logits[label].argmax(-1) if truth.ndim == 1 else logits[label]).numpy()
        return verdicts

    def _reads_words(self, target: str, truth: np.ndarray) -> bool:
        text = isinstance(self.evaluation.data.modalities[target], TextModality)
        return text and self.by_words and truth.ndim == 1
