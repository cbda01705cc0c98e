"""How much of a label a linear classifier finds in the latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .evaluation import Evaluation, Pair
from .metric import Metric, MetricConfig, Row, row
from .scores import accuracy, known_rows, mean_average_precision


class LatentClassificationConfig(MetricConfig):
    """Options of :class:`LatentClassification`."""

    probes: tuple[Literal["per_subset", "joint_transfer", "shared"], ...] = Field(
        ("per_subset", "joint_transfer", "shared"),
        description="'per_subset': a probe for each subset; 'joint_transfer': one probe trained on the latents of all modalities and applied to every "
        "subset; 'shared': one probe trained on the latents of all single modalities together.",
    )
    probe_rows: int = Field(10_000, ge=2, description="Training rows that a probe sees, at most.")


class LatentClassification(Metric):
    """Logistic regression on posterior means, trained on training rows and scored on the evaluated split.

    ``per_subset`` asks what a subset's latents know, ``joint_transfer`` whether they lie where the joint latents do, ``shared`` whether one boundary serves all
    modalities: each is an accuracy. ``k of M`` is the mean over all subsets of k modalities. ``chance`` is the share of the most frequent training class.

    For a label of several yes/no answers there is a probe per answer, and the measures end in ``_map``: the mean average precision of their probabilities (chance:
    of a constant). ``_map_hard`` is that of their 0/1 predictions, which released code reports; it is markedly lower.

    Source: the protocols of "Unity by Diversity" (per modality, and shared for the rats) and "Scalable multimodal VAEs with surrogate joint posterior" (joint transfer).
    """

    Config = LatentClassificationConfig
    headline = ("per_subset", "joint_transfer", "shared", "per_subset_map", "joint_transfer_map", "shared_map")

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs labels."""
        return None if evaluation.labels() else "the data have no labels"

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every label, probe and subset."""
        rows: list[Row] = []
        for label, truth in evaluation.labels().items():
            seen = evaluation.labels("train")[label]
            for probe in self.config.probes:
                rows += self._probe(evaluation, label, truth, seen, probe)
            if truth.ndim == 2:
                constant = mean_average_precision(np.zeros(truth.shape), truth)
                rows.append(row("chance_map", constant, len(truth), label=label))
            elif (seen >= 0).any():
                usual = np.bincount(seen[seen >= 0]).argmax()
                rows.append(row("chance", (truth[truth >= 0] == usual).mean(), int((truth >= 0).sum()), label=label))
        return rows

    def _probe(self, evaluation: Evaluation, label: str, truth: np.ndarray, seen: np.ndarray, probe: str) -> list[Row]:
        """One kind of probe on every subset, and means by size."""
        test, train = evaluation.latents(), evaluation.latents("train")
        known, learnt = known_rows(truth), known_rows(seen)
        rows: list[Row] = []
        sizes: dict[tuple[str, int], list[float]] = {}
        one = None
        if probe == "shared" and len(train.subsets[0]) > 1:  # the model infers from no single modality
            return rows
        if probe != "per_subset":
            sources = [len(train.subsets) - 1] if probe == "joint_transfer" else [s for s, g in enumerate(train.subsets) if len(g) == 1]
            keep = [train.complete[s].numpy() & learnt for s in sources]
            one = self._fit(
                np.concatenate([train.means[s].numpy()[k] for s, k in zip(sources, keep, strict=True)]),
                np.concatenate([seen[k] for k in keep]),
                evaluation.seed,
            )
        for s, given in enumerate(test.subsets):
            if probe == "shared" and len(given) > 1:
                break
            usable = train.complete[s].numpy() & learnt
            classifiers = self._fit(train.means[s].numpy()[usable], seen[usable], evaluation.seed) if one is None else one
            scored = test.complete[s].numpy() & known
            if not any(classifiers) or not scored.any():
                continue
            for measure, value in _score(probe, classifiers, test.means[s].numpy()[scored], truth[scored]).items():
                sizes.setdefault((measure, len(given)), []).append(value)
                rows.append(row(measure, value, int(scored.sum()), given="+".join(given), label=label))
        total = len(evaluation.names)
        return rows + [row(measure, np.mean(v), len(truth), given=f"{k} of {total}", label=label) for (measure, k), v in sizes.items()]

    def _fit(self, latents: np.ndarray, codes: np.ndarray, seed: int) -> list[Pipeline | None]:
        """Logistic regression on standardised latents, one per column of the codes; None where there are fewer than two classes."""
        if len(codes) > self.config.probe_rows:
            picked = np.random.default_rng(seed).choice(len(codes), self.config.probe_rows, replace=False)
            latents, codes = latents[picked], codes[picked]
        probes: list[Pipeline | None] = []
        for column in codes[:, None].T if codes.ndim == 1 else codes.T:
            known = column >= 0
            several = len(np.unique(column[known])) > 1
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)) if several else None
            probes.append(probe.fit(latents[known].astype(np.float64), column[known]) if probe is not None else None)
        return probes


def _score(probe: str, classifiers: list[Pipeline | None], latents: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Measure to value: accuracy, or mean average precision where there are several answers."""
    if truth.ndim == 1:
        return {probe: accuracy(classifiers[0].predict(latents), truth)} if classifiers[0] is not None else {}
    asked = [i for i, classifier in enumerate(classifiers) if classifier is not None]
    soft = np.stack([classifiers[i].predict_proba(latents)[:, 1] for i in asked], 1)  # type: ignore[union-attr]
    return {
        f"{probe}_map": mean_average_precision(soft, truth[:, asked]),
        f"{probe}_map_hard": mean_average_precision((soft > 0.5).astype(float), truth[:, asked]),
    }
