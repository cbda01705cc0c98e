"""Where latents lie: whether modalities of one object agree, and whether classes form clusters."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from .evaluation import Evaluation
from .labels import several_classes
from .means import Means, mean_row
from .metric import Metric, MetricConfig, Row, row
from .subsets import Pair, joined


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine of the angle between the rows of two matrices ``[N, D]``: ``[N]``; 0 where one of them is zero."""
    lengths = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    return (x * y).sum(-1) / np.where(lengths > 0, lengths, 1)


class CosineSimilarity(Metric):
    """Cosine similarity of the posterior means of two single modalities of one object.

    ``paired`` is the mean over rows that have both, ``shuffled`` that of pairs of different rows (each with the next
    one of a random order): collapsed latents are alike whatever they belong to, so only the difference of the two means
    anything. ``mean`` is over all pairs of modalities.

    Source: "Mitigating the limitations of multimodal VAEs", section 5 (CUB and CelebA); the baseline is ours.
    """

    headline = ("paired", "shuffled")
    not_compared = ("shuffled",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs two modalities that the model infers from."""
        if len(evaluation.names) < 2:
            return "there is only one modality"
        several = sum(len(given) == 1 for given in evaluation.subsets) > 1
        return None if several else "the model does not infer from single modalities"

    @classmethod
    def suits(cls, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        """Beside images: of a table, what is imputed says more."""
        return evaluation.has_images

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every pair of modalities, and their mean."""
        latents = evaluation.latents()
        rows: list[Row] = []
        masks: list[np.ndarray] = []
        for one, two in itertools.combinations([given[0] for given in latents.subsets if len(given) == 1], 2):
            s, t = latents.index((one,)), latents.index((two,))
            both = (latents.complete[s] & latents.complete[t]).numpy()
            if both.sum() < 2:
                continue
            masks.append(both)
            x, y = latents.means[s].double().numpy()[both], latents.means[t].double().numpy()[both]
            order = np.random.default_rng(evaluation.seed).permutation(len(x))
            rows.append(row("paired", cosine(x, y).mean(), len(x), given=one, target=two))
            rows.append(row("shuffled", cosine(x[order], y[np.roll(order, 1)]).mean(), len(x), given=one, target=two))
        means = [
            mean_row(measure, [each["value"] for each in rows if each["measure"] == measure], masks)
            for measure in (("paired", "shuffled") if masks else ())
        ]
        return rows + means


class ClusteringConfig(MetricConfig):
    """Options of :class:`Clustering`."""

    restarts: int = Field(10, ge=1, description="Random starts of k-means; the best one counts.")


class Clustering(Metric):
    """Agreement of k-means clusters of the latents with a label, for every subset: adjusted Rand index and normalised
    mutual information.

    As many clusters as classes, found in the posterior means of the training rows; the rows of the evaluated split
    belong to the nearest centre. ``ari`` is 0 on average for random clusters and 1 for perfect ones; ``nmi`` is
    normalised by the arithmetic mean of the entropies.

    Source: Hubert & Arabie 1985 (ARI); Vinh et al. 2010 (NMI).
    """

    Config = ClusteringConfig
    headline = ("ari", "nmi")

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs two classes among the rows that are looked at."""
        labels = [codes for codes in evaluation.labels().values() if codes.ndim == 1]
        if not labels:
            return "the data have no labels with classes"
        if not any(map(several_classes, labels)):
            return f"clusters need two classes, and the {evaluation.split} rows know no two"
        return None

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every label and subset, and means by size."""
        rows: list[Row] = []
        for label, truth in evaluation.labels().items():
            if truth.ndim == 1:
                rows += self._of_label(evaluation, label, truth)
        return rows

    def _of_label(self, evaluation: Evaluation, label: str, truth: np.ndarray) -> list[Row]:
        """Rows for every subset whose rows show two classes, and means by size."""
        test, train = evaluation.latents(), evaluation.latents("train")
        rows: list[Row] = []
        means = Means(evaluation)
        for s, given in enumerate(test.subsets):
            mask, usable = test.complete[s].numpy() & (truth >= 0), train.complete[s].numpy()
            classes = len(np.unique(truth[mask]))
            if classes < 2 or usable.sum() < classes:
                continue
            centres = KMeans(classes, n_init=self.config.restarts, random_state=evaluation.seed)
            centres.fit(train.means[s].double().numpy()[usable])
            clusters = centres.predict(test.means[s].double().numpy()[mask])
            values = {
                "ari": adjusted_rand_score(truth[mask], clusters),
                "nmi": normalized_mutual_info_score(truth[mask], clusters),
            }
            for measure, value in values.items():
                means.add(measure, given, value, mask)
                rows.append(row(measure, value, int(mask.sum()), given=joined(given), label=label))
        return rows + means.rows(label)
