"""How well the model's own clusters agree with a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from mmgen import Evaluation, Metric
from mmgen.evaluation import Pair, Row, row


class ClusterAgreement(Metric):
    """The clusters that a model finds by itself (``classify`` answers ``cluster``), beside every label with classes.

    ``nmi`` is the mutual information normalised by the arithmetic mean of the entropies, ``ari`` the adjusted Rand
    index, and ``accuracy`` the share of rows whose cluster is that of their class, under the best assignment of
    clusters to classes, one to one. ``clusters`` is how many clusters have rows.

    Source: Palumbo et al. 2024 (CMVAE), section 4; the assignment by Kuhn 1955.
    """

    headline = ("accuracy", "nmi", "ari")
    not_compared = ("clusters",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs clusters."""
        return None if self._found(evaluation) is not None else "the model has no clusters of its own"

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """How many clusters there are, and three rows for every label that knows two classes."""
        found = self._found(evaluation)
        assert found is not None
        rows = [row("clusters", len(np.unique(found)), len(found))]
        for label, truth in evaluation.labels().items():
            known = truth >= 0
            if truth.ndim > 1 or len(np.unique(truth[known])) < 2:
                continue
            values = {
                "accuracy": matched(found[known], truth[known]),
                "nmi": normalized_mutual_info_score(truth[known], found[known]),
                "ari": adjusted_rand_score(truth[known], found[known]),
            }
            rows += [row(measure, value, int(known.sum()), label=label) for measure, value in values.items()]
        return rows

    @staticmethod
    def _found(evaluation: Evaluation) -> np.ndarray | None:
        """The cluster of each evaluated row, ``[N]``; None without clusters."""

        def make() -> np.ndarray | None:
            table = evaluation.rows(evaluation.split)
            with evaluation.seeded():
                answers = [evaluation.model.classify(batch) for batch in evaluation.batches(table)]
            if not answers or "cluster" not in answers[0]:
                return None
            clusters: np.ndarray = torch.cat([answer["cluster"].argmax(-1).cpu() for answer in answers]).numpy()
            return clusters

        return evaluation.cached("own clusters", make)


def matched(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of rows ``[N]`` whose cluster is their class, under the assignment for which it is largest."""
    counts = np.zeros((found.max() + 1, truth.max() + 1))
    np.add.at(counts, (found, truth), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(found))
