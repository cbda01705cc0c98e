"""How much of a covariate can be read from the latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..errors import MmgenError, alternatives
from .evaluation import Evaluation
from .means import Means
from .metric import Metric, MetricConfig, Row, row
from .subsets import Pair, joined

FEWEST = 20  # training rows that a probe learns from


class CovariateLeakageConfig(MetricConfig):
    """Options of :class:`CovariateLeakage`."""

    labels: tuple[str, ...] = Field(
        (),
        description="Labels of one class per row that are looked for too: what a model that is not told of them keeps.",
    )
    probe: Literal["boosting", "linear"] = Field(
        "boosting", description="Gradient-boosted trees, which find what is not linear too, or a linear model."
    )
    probe_rows: int = Field(10_000, ge=2, description="Training rows that a probe sees, at most.")


class CovariateLeakage(Metric):
    """How well a probe, trained on training rows, reads covariates from the posterior means of the evaluated ones.

    A model that is told a covariate need not keep it in z; what z says of it all the same is related to the rest of the
    data, or leaks. ``accuracy`` of a covariate with classes, beside ``chance``, the share of the most frequent training
    class; ``r2`` of a number, of which chance is 0. Given each modality, and given everything. Unknown values do not
    count. ``k of M`` is the mean over subsets of k modalities.
    """

    Config = CovariateLeakageConfig
    headline = ("accuracy", "r2")
    less_is_better = ("accuracy", "r2")
    not_compared = ("chance",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs covariates, or labels that are named."""
        for label in self.config.labels:
            single = [name for name, codes in evaluation.data.train.labels.items() if codes.dim() == 1]
            if label not in single:
                raise MmgenError(
                    f"metrics.covariate-leakage.labels: there is no label of one class per row {label!r}; there are "
                    f"{alternatives(label, single)}"
                )
        if not self._asked(evaluation):
            return "the data have no covariates (dataset.covariates), and no labels are named in its option labels"
        if len(evaluation.data.train) < FEWEST:
            return f"its probes learn from at least {FEWEST} training rows"
        return None

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every covariate, given each modality and given everything."""
        subsets = evaluation.subsets
        chosen = [s for s, given in enumerate(subsets) if len(given) in (1, len(evaluation.names))]
        rows: list[Row] = []
        for name, classes in self._asked(evaluation).items():
            values = {split: _values(evaluation, split, name) for split in ("train", evaluation.split)}
            means = Means(evaluation)
            for s in chosen:
                for each, mask in self._of_subset(evaluation, name, bool(classes), values, s):
                    rows.append(each)
                    means.add(each["measure"], evaluation.subsets[s], each["value"], mask)
            rows += means.rows(name)
        return rows

    def _asked(self, evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
        """What is looked for, with its classes; none of a number."""
        labels = {name: evaluation.data.labels[name] for name in self.config.labels}
        return {**evaluation.data.covariates, **labels}

    def _of_subset(
        self, evaluation: Evaluation, name: str, has_classes: bool, values: Mapping[str, np.ndarray], s: int
    ) -> list[tuple[Row, np.ndarray]]:
        """The numbers of one covariate given one subset, each with the rows ``[N]`` that it is of."""
        given = joined(evaluation.subsets[s])
        (z, known, _), (z_test, truth, mask) = (
            _rows(evaluation, split, values[split], s, has_classes) for split in ("train", evaluation.split)
        )
        picked = evaluation.draw(len(known), self.config.probe_rows).numpy()
        z, known = z[picked], known[picked]
        if len(known) < FEWEST or len(np.unique(known)) < 2 or len(truth) < 2:
            return []
        predicted = self._probe(has_classes).fit(z, known).predict(z_test)
        if not has_classes:
            return [(row("r2", r2_score(truth, predicted), len(truth), given=given, label=name), mask)]
        usual = np.bincount(known.astype(int)).argmax()
        values_of = {"accuracy": predicted == truth, "chance": truth == usual}
        return [(row(m, hit.mean(), len(truth), given=given, label=name), mask) for m, hit in values_of.items()]

    def _probe(self, has_classes: bool) -> Any:
        if self.config.probe == "linear":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000) if has_classes else Ridge())
        kind = HistGradientBoostingClassifier if has_classes else HistGradientBoostingRegressor
        return kind(max_iter=100, min_samples_leaf=5, random_state=0)


def _values(evaluation: Evaluation, split: str, name: str) -> np.ndarray:
    """Codes ``[N]``, −1 where unknown, or numbers, NaN where unknown."""
    table = evaluation.latents(split).table
    values: np.ndarray = (table.covariates[name] if name in table.covariates else table.labels[name]).numpy()
    return values


def _rows(
    evaluation: Evaluation, split: str, values: np.ndarray, s: int, has_classes: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior means ``[n, D]`` of the rows that have the subset and a known value, these values ``[n]``, and which
    rows ``[N]``.
    """
    latents = evaluation.latents(split)
    keep = latents.complete[s].numpy() & (values >= 0 if has_classes else ~np.isnan(values))
    return latents.means[s].numpy()[keep].astype(np.float64), values[keep], keep
