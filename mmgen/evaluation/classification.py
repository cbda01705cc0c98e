"""How right the model's own classifier is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .evaluation import Evaluation
from .labels import learnable, no_label, unlearnable
from .metric import Metric, Row, row
from .scores import accuracy, average_precisions, known_rows, mean_average_precision, micro_average_precision
from .subsets import Pair


class Classification(Metric):
    """The model's own classifier, where its objective has one, on the evaluated split: nothing is trained here.

    ``accuracy`` and ``error_rate`` = 1 − accuracy for a label with classes. For a label of several yes/no answers
    ``map`` is the mean over answers of the average precision (macro), ``map_micro`` that of all answers ranked
    together, and ``ap`` each answer's own. What is not known does not count; nor does, in ``map``, an answer that is
    the same in all rows.

    Source: "Discriminative multimodal learning via conditional priors in generative models", Table 2 (error rate, mean
    average precision).
    """

    headline = ("accuracy", "error_rate", "map", "map_micro")
    less_is_better = ("error_rate",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs a classifier, and labels."""
        if not self._answers(evaluation):
            return "the objective has no classifier of its own"
        if not set(self._answers(evaluation)) & set(evaluation.labels()):
            return "the data have no labels"
        return no_label(evaluation, "classifiers")

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Labels of one class."""
        return unlearnable(evaluation, "classifiers")

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every label."""
        logits = self._answers(evaluation)
        rows: list[Row] = []
        for label, truth in learnable(evaluation).items():
            known = known_rows(truth)
            if label not in logits or not known.any():
                continue
            if truth.ndim == 1:
                rows += self._of_classes(label, logits[label][known], truth[known])
            else:
                names = evaluation.data.labels[label]
                rows += self._of_answers(label, names, logits[label][known], truth[known])
        return rows

    @staticmethod
    def _of_classes(label: str, logits: np.ndarray, truth: np.ndarray) -> list[Row]:
        """Accuracy and error rate."""
        right, n = accuracy(logits.argmax(-1), truth), len(truth)
        return [row("accuracy", right, n, label=label), row("error_rate", 1 - right, n, label=label)]

    @staticmethod
    def _of_answers(label: str, names: Sequence[str], logits: np.ndarray, truth: np.ndarray) -> list[Row]:
        """Mean average precisions, and each answer's own."""
        means = {"map": mean_average_precision(logits, truth), "map_micro": micro_average_precision(logits, truth)}
        answers = zip(names, average_precisions(logits, truth), (truth >= 0).sum(0), strict=True)
        rows = [row(measure, value, len(truth), label=label) for measure, value in means.items()]
        rows += [row("ap", value, count, label=f"{label}: {name}") for name, value, count in answers]
        return [each for each in rows if np.isfinite(each["value"])]

    @staticmethod
    def _answers(evaluation: Evaluation) -> dict[str, np.ndarray]:
        """Label to logits ``[N, _]`` of all rows, computed once."""

        def make() -> dict[str, np.ndarray]:
            table = evaluation.rows(evaluation.split)
            with evaluation.seeded():
                parts = [evaluation.model.classify(batch) for batch in evaluation.batches(table)]
            labels = parts[0] if parts else {}
            return {label: torch.cat([part[label].cpu() for part in parts]).double().numpy() for label in labels}

        return evaluation.cached("own classifier", make)
