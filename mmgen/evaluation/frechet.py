"""Quality and variety of what is generated: Fréchet distance, precision and recall in a feature space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..errors import MmgenError
from ..vision import torchvision
from .classifiers import STEPS
from .coherence import judge_of
from .evaluation import Evaluation, Generation, Pair
from .metric import Metric, MetricConfig, Row, row


class _Given(nn.Module):
    """What torchmetrics takes for a network: features that are computed already."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, values: Tensor) -> Tensor:
        return values


def torchmetrics_fid(**options: Any) -> Any:
    """The metric of torchmetrics, which imports torchvision where that is installed, and so has to find it importable."""
    with suppress(MmgenError):  # not installed: torchmetrics does without
        torchvision()
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(**options)


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two sets of features ``[N, F]``, by torchmetrics (Heusel et al. 2017, Eq. 6)."""
    metric = torchmetrics_fid(feature=_Given(real.shape[-1]))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return max(float(metric.compute()), 0.0)


def precision_and_recall(real: Tensor, generated: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Share of generated features within the real manifold, and of real ones within the generated manifold.

    A set's manifold is the union of balls around its points that reach to their k-th nearest neighbour (Kynkäänniemi et al. 2019, Eq. 1 and 2).

    Args:
        real: ``[N, F]``.
        generated: ``[N', F]``.
        neighbours: k.
    """

    def radii(points: Tensor) -> Tensor:
        return torch.cdist(points, points).kthvalue(min(neighbours + 1, len(points)), dim=1).values  # the nearest one is the point itself

    across = torch.cdist(generated, real)
    precision = (across <= radii(real)).any(1).double().mean()
    recall = (across <= radii(generated)[:, None]).any(0).double().mean()
    return float(precision), float(recall)


class FrechetConfig(MetricConfig):
    """Options of every Fréchet distance."""

    neighbours: int = Field(3, ge=1, description="Which nearest neighbour the radius of precision and recall reaches to.")
    manifold_rows: int = Field(2000, ge=2, description="Rows that precision and recall look at, at most: all pairs of them are compared.")


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

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Every subset without the target, everything, and the prior."""
        given, target = pair
        return target in self.targets(evaluation) and (target not in given or len(given) == len(evaluation.names))

    def judge(self, evaluation: Evaluation, generation: Generation) -> tuple[float, float, float, int] | None:
        """Distance, precision, recall, and of how many rows."""
        target = generation.target
        real = self._real(evaluation, target)
        keep = generation.complete.nonzero().squeeze(1)[: len(real) if not generation.given else None]
        if min(len(real), len(keep)) < 2:
            return None
        made = self.features(evaluation, target, generation.values[keep.to(generation.values.device)])
        few = self.config.manifold_rows
        precision, recall = precision_and_recall(real[:few], made[:few], self.config.neighbours)
        return frechet_distance(real, made), precision, recall, len(keep)

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, tuple[float, float, float, int] | None]) -> list[Row]:
        """Rows for every pair, and means by the number of given modalities."""
        measures, total = (self.distance, "precision", "recall"), len(evaluation.names)
        rows: list[Row] = []
        sizes: dict[str, list[tuple[float, ...]]] = {}
        for (given, target), found in judged.items():
            if found is None:
                continue
            *values, n = found
            rows += [row(m, v, n, given="+".join(given) or "prior", target=target) for m, v in zip(measures, values, strict=True)]
            sizes.setdefault(f"{len(given)} of {total}" if given else "prior", []).append(tuple(values))
        n = len(evaluation.latents().table)
        for size, each in sizes.items():
            rows += [row(m, v, n, given=size, target="mean") for m, v in zip(measures, np.mean(each, axis=0), strict=True)]
        return rows

    def _real(self, evaluation: Evaluation, target: str) -> Tensor:
        """Features of the real values of the evaluated split, kept as long as the evaluation is."""

        def make() -> Tensor:
            table = evaluation.latents().table
            has = table.available[:, evaluation.names.index(target)].nonzero().squeeze(1)
            return self.features(evaluation, target, table.data[target][has].to(evaluation.device))

        return evaluation.once((self.distance, target), make)


class FDClassifierConfig(FrechetConfig):
    """Options of :class:`FDClassifier`."""

    classifier_steps: int = Field(STEPS, ge=1, description="Optimiser steps that the classifiers are trained for, as for the coherence.")


class FDClassifier(Frechet):
    """Fréchet distance in the features of the dataset's own classifier of the first label, with precision and recall.

    Not an FID: values depend on the classifier and are comparable within one dataset only. The real values are those of the evaluated split; generated
    ones are means of p(x | z), z ~ q(z | x_S), for subsets without the target, for everything (a reconstruction), and from the prior. ``k of M`` is the mean over all
    subsets of k modalities and their targets.

    Source: Heusel et al. 2017, Eq. 6, with another feature map; Kynkäänniemi et al. 2019 (precision and recall).
    """

    Config = FDClassifierConfig
    distance = "FD-classifier"
    headline = ("FD-classifier", "precision", "recall")
    less_is_better = ("FD-classifier",)

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs labels."""
        if not evaluation.targets:
            return "the model generates nothing"
        return None if evaluation.labels() else "the data have no labels"

    def targets(self, evaluation: Evaluation) -> list[str]:
        """All modalities."""
        return evaluation.names

    @torch.no_grad()
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """What the classifier's last layer sees."""
        judge = judge_of(evaluation, target, self.config.classifier_steps)
        return torch.cat([judge.features(part) for part in values.split(evaluation.batch_size)]).cpu()
