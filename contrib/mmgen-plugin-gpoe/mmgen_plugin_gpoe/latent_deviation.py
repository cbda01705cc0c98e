"""How far latents are from those of a norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from mmgen import Evaluation, Metric, MetricConfig, MmgenError
from mmgen.evaluation import Means, Pair, Row, joined, row


class LatentDeviationConfig(MetricConfig):
    """Options of :class:`LatentDeviation`."""

    label: str | None = Field(None, description="The label that says who is normal; none: everybody in the reference.")
    normal: str | None = Field(None, description="Its class that is the norm; its first one by default.")
    reference: Literal["val", "train"] = Field(
        "val",
        description="Whose latents are the norm: those of the validation rows, which no encoder was fitted to, or of "
        "the training rows.",
    )


class LatentDeviation(Metric):
    r"""The Mahalanobis distance of a row's latent from those of a norm, for every subset of modalities.

    .. math::
        D(x) = \sqrt{(z - \mu)^\top \Sigma^{-1} (z - \mu)}

    z is the posterior mean given the subset; μ and Σ are mean and covariance of the posterior means of the reference
    rows, given the same. With a label they are those of its class ``normal`` alone, which is what a normative model
    should be trained on, too.

    ``deviation`` is the mean over rows, by class where there is a label (``label`` is then ``label: class``), in
    standard deviations; of D dimensions it is about √D for the norm. ``beyond`` is the share of rows whose D² is beyond
    the 95 % quantile of χ²_D. ``auc`` is the probability that a row of another class deviates more than one of the
    norm; ½ is chance.

    Source: Lawry Aguila et al. 2023 (https://arxiv.org/abs/2303.12706), their latent deviation. AUC in
    the place of their tests of significance and likelihood ratios, which depend on the number of rows.
    """

    Config = LatentDeviationConfig
    headline = ("auc", "deviation")
    not_compared = ("deviation", "beyond")

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs the label that is named, two of its classes, and more reference rows than dimensions."""
        label, having = self.config.label, [name for name, each in evaluation.labels().items() if each.ndim == 1]
        if label is not None and label not in having:
            return f"there is no label {label!r} with classes; there are {', '.join(having) or 'none'}"
        if label is not None and len(evaluation.data.labels[label]) == 1:
            only = evaluation.data.labels[label][0]
            return (
                f"all that the run knows as {label!r} is {only!r}; train it on a file that has the other classes too, "
                "on the side of testing (dataset.split), or leave the label out"
            )
        norm = self._norms(evaluation)
        if any(each is not None for each in norm):
            return None
        size = evaluation.model.config.latent_dim
        return f"no subset has more than {size} reference rows, as many as latents have dimensions"

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every subset, and means by size."""
        latents, codes = evaluation.latents(), self._codes(evaluation, evaluation.split)
        rows: list[Row] = []
        means: dict[str, Means] = {}
        for s, (given, norm) in enumerate(zip(latents.subsets, self._norms(evaluation), strict=True)):
            if norm is None:
                continue
            distances = _distances(latents.means[s].double().numpy(), *norm)
            for measure, label, value, mask in self._numbers(
                evaluation, distances, latents.complete[s].numpy(), codes, norm[0].size
            ):
                rows.append(row(measure, value, int(mask.sum()), given=joined(given), label=label))
                means.setdefault(label, Means(evaluation)).add(measure, given, value, mask)
        return rows + [each for label, several in means.items() for each in several.rows(label)]

    def _numbers(
        self, evaluation: Evaluation, distances: np.ndarray, has: np.ndarray, codes: np.ndarray, size: int
    ) -> list[tuple[str, str, float, np.ndarray]]:
        """Measure, label, value and rows of each number of one subset."""
        label, found = self.config.label, []
        classes = evaluation.data.labels[label] if label else ("",)
        for code, name in enumerate(classes):
            mask = has & (codes == code)
            if mask.any():
                called = f"{label}: {name}" if label else ""
                beyond = float((distances[mask] ** 2 > chi2.ppf(0.95, size)).mean())
                found += [
                    ("deviation", called, float(distances[mask].mean()), mask),
                    ("beyond", called, beyond, mask),
                ]
        known, normal = has & (codes >= 0), codes == self._normal(evaluation)
        if label and (known & normal).any() and (known & ~normal).any():
            found.append(("auc", label, float(roc_auc_score(~normal[known], distances[known])), known))
        return found

    def _norms(self, evaluation: Evaluation) -> list[tuple[np.ndarray, np.ndarray] | None]:
        """Mean and inverse covariance of the norm under every evaluated subset; None of too few rows."""

        def make() -> list[tuple[np.ndarray, np.ndarray] | None]:
            latents, codes = evaluation.latents(self.config.reference), self._codes(evaluation, self.config.reference)
            norms: list[tuple[np.ndarray, np.ndarray] | None] = []
            for means, complete in zip(latents.means.double().numpy(), latents.complete.numpy(), strict=True):
                points = means[complete & (codes == self._normal(evaluation))]
                few = len(points) <= points.shape[1]
                covariance = None if few else np.cov(points, rowvar=False).reshape(2 * points.shape[1:])
                norms.append(None if covariance is None else (points.mean(0), np.linalg.pinv(covariance)))
            return norms

        return evaluation.cached(("latent deviation", self.config), make)

    def _normal(self, evaluation: Evaluation) -> int:
        """The code of the norm; 0 without a label, as all rows then have.

        Raises:
            MmgenError: A class that there is not, or one without a label.
        """
        label, normal, labels = self.config.label, self.config.normal, evaluation.data.labels
        if label is None:
            if normal is not None:
                raise MmgenError("metrics.latent-deviation.normal: it is a class of a label; say of which by label.")
            return 0
        if normal is not None and normal not in labels[label]:
            raise MmgenError(
                f"metrics.latent-deviation.normal: {label!r} has no class {normal!r}; it has "
                f"{', '.join(labels[label])}."
            )
        return 0 if normal is None else labels[label].index(normal)

    def _codes(self, evaluation: Evaluation, split: str) -> np.ndarray:
        """The class of each row of a split, ``[N]``; 0 without a label."""
        if self.config.label is None:
            return np.zeros(evaluation.latents(split).complete.shape[1], dtype=np.int64)
        self._normal(evaluation)
        return evaluation.labels(split)[self.config.label]


def _distances(points: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Mahalanobis distances of points ``[N, D]``."""
    centred = points - mean
    distances: np.ndarray = np.sqrt(np.maximum(np.einsum("nd,de,ne->n", centred, precision, centred), 0))
    return distances
