"""How much of a label a linear classifier finds in the latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from .evaluation import Evaluation
from .labels import learnable, no_label, unlearnable
from .means import Means
from .metric import Metric, MetricConfig, Row, row
from .scores import accuracy, known_rows, mean_average_precision, micro_average_precision
from .subsets import Pair, Subset, joined

GRIDS = {"logistic": (1.0,), "svm": (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)}


class LatentClassificationConfig(MetricConfig):
    """Options of :class:`LatentClassification`."""

    probes: tuple[Literal["per_subset", "joint_transfer", "shared"], ...] = Field(
        ("per_subset", "joint_transfer", "shared"),
        description="'per_subset': a probe for each subset; 'joint_transfer': one probe trained on the latents of "
        "all modalities and applied to every subset; 'shared': one probe trained on the latents of all single "
        "modalities together.",
    )
    probe_rows: int = Field(10_000, ge=2, description="Training rows that a probe sees, at most.")
    classifier: Literal["logistic", "svm"] = Field(
        "logistic", description="Logistic regression, or a linear support vector machine, one against all classes."
    )
    C: tuple[PositiveFloat, ...] = Field(
        (),
        description="Inverse strength of the classifier's L2 penalty; of several values, the one that is best on the "
        "validation rows is taken. None: 1 for logistic, powers of ten from 0.0001 to 10 for svm.",
    )


@dataclass(frozen=True)
class Probe:
    """A fitted probe: a classifier per column of the codes (None where there were fewer than two classes), and how its
    C was found.

    Attributes:
        classifiers: One for classes, one per answer where there are several.
        penalty: The C of all of them.
        validation_rows: How many validation rows it was chosen on; 0 where there was nothing to choose or to choose on.
        note: What speaks against the choice.
    """

    classifiers: list[Pipeline | None]
    penalty: float
    validation_rows: int
    note: str


class LatentClassification(Metric):
    """A linear classifier on posterior means, trained on training rows and scored on the evaluated split.

    ``per_subset`` asks what a subset's latents know, ``joint_transfer`` whether they lie where the joint latents do,
    ``shared`` whether one boundary serves all modalities: each is an accuracy. ``k of M`` is the mean over all subsets
    of k modalities. ``chance`` is the share of the most frequent training class.

    For a label of several yes/no answers there is a classifier per answer, and the measures end in ``_map``: the mean
    average precision of their probabilities, or of the distances from their boundaries (chance: of a constant). In
    ``_map_micro`` all answers are ranked together. ``_map_hard`` is that of their 0/1 predictions, which released code
    reports; it is markedly lower.

    Where ``C`` has several values, each probe takes the one with the best accuracy or mean average precision on the
    validation rows (the smallest of equally good ones; one for all answers), and ``per_subset_C`` and so on say which.
    Without validation rows it is the middle value, and the note says so.

    Source: the protocols of "Unity by Diversity" (per modality, and shared for the rats) and "Scalable multimodal VAEs
    with surrogate joint posterior" (joint transfer); the support vector machine as in Wang et al. 2016, "Deep
    variational canonical correlation analysis".
    """

    Config = LatentClassificationConfig
    headline = ("per_subset", "joint_transfer", "shared", "per_subset_map", "joint_transfer_map", "shared_map")
    not_compared = ("chance", "chance_map", "chance_map_micro", "per_subset_C", "joint_transfer_C", "shared_C")

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs labels."""
        return no_label(evaluation, "probes")

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Labels of one class."""
        return unlearnable(evaluation, "probes")

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every label, probe and subset."""
        rows: list[Row] = []
        for label, truth in learnable(evaluation).items():
            if known_rows(truth).any():
                for probe in self.config.probes:
                    rows += self._probe(evaluation, label, truth, probe)
                rows += self._chance(evaluation, label, truth)
        return rows

    @staticmethod
    def _chance(evaluation: Evaluation, label: str, truth: np.ndarray) -> list[Row]:
        """What the most frequent training class, or a constant, would score."""
        train, known = evaluation.labels("train")[label], known_rows(truth)
        chances: dict[str, float] = {}
        if truth.ndim == 2:
            constant = np.zeros(truth.shape)
            chances["chance_map"] = mean_average_precision(constant, truth)
            chances["chance_map_micro"] = micro_average_precision(constant, truth)
        elif (train >= 0).any():
            chances["chance"] = (truth[known] == np.bincount(train[train >= 0]).argmax()).mean()
        n = int(known.sum())
        return [row(measure, value, n, label=label) for measure, value in chances.items() if np.isfinite(value)]

    def _probe(self, evaluation: Evaluation, label: str, truth: np.ndarray, probe: str) -> list[Row]:
        """One kind of probe on every subset, and means by size."""
        test, known = evaluation.latents(), known_rows(truth)
        singles = [s for s, given in enumerate(test.subsets) if len(given) == 1]
        if probe == "shared" and not singles:
            return []  # the model infers from no single modality
        rows: list[Row] = []
        means = Means(evaluation)
        one: Probe | None = None  # for all subsets
        if probe != "per_subset":
            sources = singles if probe == "shared" else [len(test.subsets) - 1]
            one = self._tuned(evaluation, label, sources)
            rows += self._choice(probe, one, label)
        note = one.note if one else ""
        for s, given in enumerate(test.subsets):
            if probe == "shared" and len(given) > 1:
                break
            fitted = self._tuned(evaluation, label, [s]) if one is None else one
            mask = test.complete[s].numpy() & known
            if not any(fitted.classifiers) or not mask.any():
                continue
            note = fitted.note
            rows += self._choice(probe, fitted, label, given) if one is None else []
            for end, value in _score(fitted.classifiers, test.means[s].numpy()[mask], truth[mask]).items():
                if np.isfinite(value):
                    means.add(probe + end, given, value, mask)
                    rows.append(row(probe + end, value, int(mask.sum()), given=joined(given), label=label, note=note))
        return rows + means.rows(label, note)

    @property
    def _grid(self) -> tuple[float, ...]:
        return tuple(sorted(self.config.C)) or GRIDS[self.config.classifier]

    def _choice(self, probe: str, fitted: Probe, label: str, given: Subset = ()) -> list[Row]:
        """The C of a probe, where there were several and rows to choose on."""
        if len(self._grid) == 1 or not fitted.validation_rows or not any(fitted.classifiers):
            return []
        chosen = f"{probe}_C", fitted.penalty, fitted.validation_rows
        return [row(*chosen, given=joined(given), label=label, note=fitted.note)]

    def _tuned(self, evaluation: Evaluation, label: str, sources: list[int]) -> Probe:
        """A probe of the latents of some subsets together, with the C that is best on their validation rows."""
        latents, codes = _labelled(evaluation, "train", label, sources)
        if len(codes) > self.config.probe_rows:
            picked = evaluation.draw(len(codes), self.config.probe_rows).numpy()
            latents, codes = latents[picked], codes[picked]
        grid = self._grid
        if len(grid) == 1:
            return Probe(self._fit(latents, codes, grid[0]), grid[0], 0, "")
        validation, truth = latents[:0], codes[:0]
        if len(evaluation.data.val):
            validation, truth = _labelled(evaluation, "val", label, sources)
        if not len(truth):
            middle = grid[len(grid) // 2]
            note = f"no validation rows to choose C on: it is {middle:g}"
            return Probe(self._fit(latents, codes, middle), middle, 0, note)
        best, chosen = -np.inf, Probe([None], grid[0], 0, "")
        note = "C was chosen on these rows" if evaluation.split == "val" else ""
        for penalty in grid:
            classifiers = self._fit(latents, codes, penalty)
            scores = _score(classifiers, validation, truth)
            quality = np.nan_to_num(scores.get("", scores.get("_map", np.nan)), nan=-1.0)
            if quality > best:
                best, chosen = quality, Probe(classifiers, penalty, len(truth), note)
        return chosen

    def _fit(self, latents: np.ndarray, codes: np.ndarray, penalty: float) -> list[Pipeline | None]:
        """Classifiers of standardised latents, one per column of the codes; None where there are fewer than two
        classes.
        """
        probes: list[Pipeline | None] = []
        for column in codes[:, None].T if codes.ndim == 1 else codes.T:
            known = column >= 0
            if len(np.unique(column[known])) < 2:
                probes.append(None)
                continue
            if self.config.classifier == "svm":
                # the primal problem converges where coordinate ascent in the dual takes for ever
                linear: Any = LinearSVC(C=penalty, dual=False, max_iter=10_000)
            else:
                linear = LogisticRegression(C=penalty, max_iter=5000)
            probes.append(make_pipeline(StandardScaler(), linear).fit(latents[known].astype(np.float64), column[known]))
        return probes


def _labelled(evaluation: Evaluation, split: str, label: str, sources: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means ``[N, D]`` of the rows of a split that have what the subsets need and a label, subset after
    subset, and their codes.
    """
    latents, codes = evaluation.latents(split), evaluation.labels(split)[label]
    keep = [latents.complete[s].numpy() & known_rows(codes) for s in sources]
    means = [latents.means[s].numpy()[k] for s, k in zip(sources, keep, strict=True)]
    return np.concatenate(means), np.concatenate([codes[k] for k in keep])


def _score(classifiers: list[Pipeline | None], latents: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """End of a measure's name to value: accuracy, or mean average precisions where there are several answers."""
    if truth.ndim == 1:
        return {"": accuracy(classifiers[0].predict(latents), truth)} if classifiers[0] is not None else {}
    asked = [(i, classifier) for i, classifier in enumerate(classifiers) if classifier is not None]
    if not asked:
        return {}
    soft = np.stack([_certainty(classifier, latents) for _, classifier in asked], 1)
    hard = np.stack([classifier.predict(latents) for _, classifier in asked], 1).astype(float)
    answers = truth[:, [i for i, _ in asked]]
    return {
        "_map": mean_average_precision(soft, answers),
        "_map_micro": micro_average_precision(soft, answers),
        "_map_hard": mean_average_precision(hard, answers),
    }


def _certainty(classifier: Pipeline, latents: np.ndarray) -> np.ndarray:
    """How sure a classifier is of a yes, ``[N]``: its probability, or the signed distance from its boundary."""
    if hasattr(classifier, "predict_proba"):
        return classifier.predict_proba(latents)[:, 1]
    return classifier.decision_function(latents)
