"""How right the model's own classifier is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .evaluation import Evaluation, Pair
from .labels import learnable, no_label, unlearnable
from .metric import Metric, Row, row
from .scores import accuracy, average_precisions, known_rows, mean_average_precision, micro_average_precision


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

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs a classifier, and labels."""
        if not self._answers(evaluation):
            return "the objective has no classifier of its own"
        if not set(self._answers(evaluation)) & set(evaluation.labels()):
            return "the data have no labels"
        return no_label(evaluation, "classifiers")

    def omits(self, evaluation: Evaluation) -> list[str]:
        """Labels of one class."""
        return unlearnable(evaluation, "classifiers")

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every label."""
        answers = self._answers(evaluation)
        rows: list[Row] = []
        for label, truth in learnable(evaluation).items():
            known = known_rows(truth)
            if label not in answers or not known.any():
                continue
            logits, truth, n = answers[label][known], truth[known], int(known.sum())
            if truth.ndim == 1:
                right = accuracy(logits.argmax(-1), truth)
                rows += [row("accuracy", right, n, label=label), row("error_rate", 1 - right, n, label=label)]
                continue
            means = {"map": mean_average_precision(logits, truth), "map_micro": micro_average_precision(logits, truth)}
            rows += [row(measure, value, n, label=label) for measure, value in means.items() if np.isfinite(value)]
            each = zip(
                evaluation.data.labels[label], average_precisions(logits, truth), (truth >= 0).sum(0), strict=True
            )
            rows += [
                row("ap", value, count, label=f"{label}: {name}") for name, value, count in each if np.isfinite(value)
            ]
        return rows

    @staticmethod
    def _answers(evaluation: Evaluation) -> dict[str, np.ndarray]:
        """Label to logits ``[N, _]`` of all rows, computed once."""

        def make() -> dict[str, np.ndarray]:
            table = evaluation.rows(evaluation.split)
            with evaluation.seeded():
                parts = [
                    evaluation.model.classify(raw.to(evaluation.device)) for raw in table.batches(evaluation.batch_size)
                ]
            return (
                {label: torch.cat([part[label].cpu() for part in parts]).double().numpy() for label in parts[0]}
                if parts
                else {}
            )

        return evaluation.once("own classifier", make)
