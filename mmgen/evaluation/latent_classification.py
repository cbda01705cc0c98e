"""How much of a label a linear classifier finds in the latents."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .evaluation import Evaluation
from .metric import Metric, MetricConfig, Row, row


class LatentClassificationConfig(MetricConfig):
    """Options of :class:`LatentClassification`."""

    probes: tuple[Literal["per_subset", "joint_transfer", "shared"], ...] = Field(
        ("per_subset", "joint_transfer", "shared"),
        description="'per_subset': a probe for each subset; 'joint_transfer': one probe trained on the latents of all modalities and applied to every "
        "subset; 'shared': one probe trained on the latents of all single modalities together.",
    )
    probe_rows: int = Field(10_000, ge=2, description="Training rows that a probe sees, at most.")


class LatentClassification(Metric):
    """Accuracy of logistic regression on posterior means, trained on training rows and scored on the evaluated split.

    ``per_subset`` asks what a subset's latents know, ``joint_transfer`` whether they lie where the joint latents do, ``shared`` whether one boundary serves all
    modalities. ``k of M`` is the mean over all subsets of k modalities. ``chance`` is the share of the most frequent training class.

    Source: the protocols of "Unity by Diversity" (per modality, and shared for the rats) and "Scalable multimodal VAEs with surrogate joint posterior" (joint transfer).
    """

    Config = LatentClassificationConfig
    headline = ("per_subset", "joint_transfer", "shared")

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs labels."""
        return None if evaluation.labels() else "the data have no labels"

    def compute(self, evaluation: Evaluation) -> list[Row]:
        """Rows for every label, probe and subset."""
        rows: list[Row] = []
        for label, truth in evaluation.labels().items():
            seen = evaluation.labels("train")[label]
            for probe in self.config.probes:
                rows += self._probe(evaluation, label, truth, seen, probe)
            known = seen[seen >= 0]
            if len(known):
                rows.append(row("chance", (truth[truth >= 0] == np.bincount(known).argmax()).mean(), int((truth >= 0).sum()), label=label))
        return rows

    def _probe(self, evaluation: Evaluation, label: str, truth: np.ndarray, seen: np.ndarray, probe: str) -> list[Row]:
        """One kind of probe on every subset, and means by size."""
        test, train = evaluation.latents(), evaluation.latents("train")
        rows: list[Row] = []
        by_size: dict[int, list[float]] = {}
        one = None
        if probe != "per_subset":
            sources = [len(train.subsets) - 1] if probe == "joint_transfer" else [s for s, g in enumerate(train.subsets) if len(g) == 1]
            keep = [train.complete[s].numpy() & (seen >= 0) for s in sources]
            one = self._fit(
                np.concatenate([train.means[s].numpy()[k] for s, k in zip(sources, keep, strict=True)]),
                np.concatenate([seen[k] for k in keep]),
                evaluation.seed,
            )
        for s, given in enumerate(test.subsets):
            if probe == "shared" and len(given) > 1:
                break
            usable = train.complete[s].numpy() & (seen >= 0)
            classifier = self._fit(train.means[s].numpy()[usable], seen[usable], evaluation.seed) if one is None else one
            scored = test.complete[s].numpy() & (truth >= 0)
            if classifier is None or not scored.any():
                continue
            accuracy = (classifier.predict(test.means[s].numpy()[scored]) == truth[scored]).mean()
            by_size.setdefault(len(given), []).append(accuracy)
            rows.append(row(probe, accuracy, int(scored.sum()), given="+".join(given), label=label))
        total = len(evaluation.names)
        return rows + [row(probe, np.mean(v), len(truth), given=f"{k} of {total}", label=label) for k, v in by_size.items()]

    def _fit(self, latents: np.ndarray, codes: np.ndarray, seed: int) -> Pipeline | None:
        """Logistic regression on standardised latents; None where there are fewer than two classes."""
        if len(codes) > self.config.probe_rows:
            picked = np.random.default_rng(seed).choice(len(codes), self.config.probe_rows, replace=False)
            latents, codes = latents[picked], codes[picked]
        if len(np.unique(codes)) < 2:
            return None
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(latents.astype(np.float64), codes)
