"""Quality and variety of what is generated: Fréchet distance, precision and recall in a feature space."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..errors import MmgenError
from ..vision import torchvision
from .classifiers import STEPS
from .evaluation import Evaluation
from .judges import judge_of, learnable_from
from .labels import no_label
from .latents import Generation
from .means import Means
from .metric import Metric, Row, SamplingConfig, row
from .subsets import MEAN, Pair, joined


class _Features(nn.Module):
    """What torchmetrics takes for a network: features that are computed already."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, values: Tensor) -> Tensor:
        return values


def torchmetrics_fid(**options: Any) -> Any:
    """The metric of torchmetrics, which imports torchvision where that is installed, and so has to find it
    importable.
    """
    with suppress(MmgenError):  # not installed: torchmetrics does without
        torchvision()
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(**options)


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two sets of features ``[N, F]``, by torchmetrics (Heusel et al. 2017,
    Eq. 6); infinite where a feature is not finite, which no solver is given.
    """
    if not (real.isfinite().all() and generated.isfinite().all()):
        return math.inf
    metric = torchmetrics_fid(feature=_Features(real.shape[-1]))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return max(float(metric.compute()), 0.0)


def precision_and_recall(real: Tensor, generated: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Share of generated features within the real manifold, and of real ones within the generated manifold.

    A set's manifold is the union of balls around its points that reach to their k-th nearest neighbour (Kynkäänniemi et
    al. 2019, Eq. 1 and 2).

    Args:
        real: ``[N, F]``.
        generated: ``[N', F]``.
        neighbours: k.
    """

    def radii(points: Tensor) -> Tensor:
        if not len(points):
            return points.new_zeros(0)
        return (
            torch.cdist(points, points).kthvalue(min(neighbours + 1, len(points)), dim=1).values
        )  # the nearest one is the point itself

    count, generated = len(generated), generated[generated.isfinite().all(1)]  # what is not finite is near to nothing
    across = torch.cdist(generated, real)
    precision = (across <= radii(real)).any(1).double().sum() / count
    recall = (across <= radii(generated)[:, None]).any(0).double().mean()
    return float(precision), float(recall)


class FrechetConfig(SamplingConfig):
    """Options of every Fréchet distance."""

    neighbours: int = Field(
        3, ge=1, description="Which nearest neighbour the radius of precision and recall reaches to."
    )
    manifold_rows: int = Field(
        2000, ge=2, description="Rows that precision and recall look at, at most: all pairs of them are compared."
    )


# Measure to its value, and which rows (generated; real ones for recall) it looked at.
Distances = dict[str, tuple[float, np.ndarray]]


class Frechet(Metric):
    """What Fréchet distances have in common: features of real and generated values of every wanted pair."""

    Config = FrechetConfig
    distance: str

    @abstractmethod
    def targets(self, evaluation: Evaluation) -> list[str]:
        """The modalities that have features."""

    @abstractmethod
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """Features ``[N, F]`` of values in data units."""

    @classmethod
    def suits(cls, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        """Of images: how real they look is what it is for."""
        return evaluation.has_images

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Every subset without the target, everything, and the prior."""
        given, target = pair
        return target in self.targets(evaluation) and (target not in given or len(given) == len(evaluation.names))

    def judge(self, evaluation: Evaluation, generation: Generation) -> Distances | None:
        """Distance, precision and recall; from the prior as many values as there are real ones."""
        real_rows, real = self._real(evaluation, generation.target)
        rows = generation.complete.nonzero().squeeze(1)
        if not generation.given:
            rows = rows[evaluation.draw(len(rows), len(real_rows))]
        if min(len(real_rows), len(rows)) < 2:
            return None
        generated = self.features(evaluation, generation.target, generation.values[rows.to(generation.values.device)])
        some_real, some = (evaluation.draw(len(each), self.config.manifold_rows) for each in (real, generated))
        precision, recall = precision_and_recall(real[some_real], generated[some], self.config.neighbours)
        return {
            self.distance: (frechet_distance(real, generated), _mask(rows, len(generation.complete))),
            "precision": (precision, _mask(rows[some], len(generation.complete))),
            "recall": (recall, _mask(real_rows[some_real], len(evaluation.latents().table))),
        }

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Distances | None]) -> list[Row]:
        """Rows for every pair, and means by the number of given modalities."""
        rows: list[Row] = []
        origin = evaluation.origin(self.sampler)
        means = Means(evaluation, MEAN, origin)
        for (given, target), distances in judgements.items():
            for measure, (value, mask) in (distances or {}).items():
                rows.append(row(measure, value, int(mask.sum()), given=joined(given) or origin, target=target))
                means.add(measure, given, value, mask)
        return rows + means.rows()

    def _real(self, evaluation: Evaluation, target: str) -> tuple[Tensor, Tensor]:
        """Which rows of the evaluated split have real values, and the features of these; kept by the evaluation."""

        def make() -> tuple[Tensor, Tensor]:
            table = evaluation.latents().table
            has = table.available[:, evaluation.names.index(target)].nonzero().squeeze(1)
            return has, self.features(evaluation, target, table.data[target][has].to(evaluation.device))

        return evaluation.cached((self.distance, target), make)


def _mask(rows: Tensor, count: int) -> np.ndarray:
    """Row numbers as a mask ``[count]``."""
    return np.isin(np.arange(count), rows.numpy())


class FDClassifierConfig(FrechetConfig):
    """Options of :class:`FDClassifier`."""

    classifier_steps: int = Field(
        STEPS, ge=1, description="Optimiser steps that the classifiers are trained for, as for the coherence."
    )


class FDClassifier(Frechet):
    """Fréchet distance in the features of the dataset's own classifier of the first label, with precision and recall.

    Not an FID: values depend on the classifier and are comparable within one dataset only. The real values are those of
    the evaluated split; generated ones are means of p(x | z), z ~ q(z | x_S), for subsets without the target, for
    everything (a reconstruction), and from the prior (or the ``sampler``, which its rows name). ``k of M`` is the mean
    over all subsets of k modalities and their targets.

    Source: Heusel et al. 2017, Eq. 6, with another feature map; Kynkäänniemi et al. 2019 (precision and recall).
    """

    Config = FDClassifierConfig
    distance = "FD-classifier"
    headline = ("FD-classifier", "precision", "recall")
    less_is_better = ("FD-classifier",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs labels."""
        if not evaluation.targets:
            return "the model generates nothing"
        return no_label(evaluation, "classifiers")

    def targets(self, evaluation: Evaluation) -> list[str]:
        """All modalities whose classifier has something to learn."""
        return [name for name in evaluation.names if learnable_from(evaluation, name)]

    @torch.no_grad()
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """What the classifier's last layer sees."""
        judge = judge_of(evaluation, target, self.config.classifier_steps)
        return torch.cat([judge.features(part) for part in values.split(evaluation.batch_size)]).cpu()
