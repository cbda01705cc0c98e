"""Quality and variety of what is generated: Fréchet distance, precision and recall in a feature space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..data import ImageModality
from ..data.sources.vision import torchvision
from ..errors import MmgenError
from .classifiers import STEPS
from .coherence import judge_of
from .evaluation import Evaluation, Generation, Pair
from .labels import learnable, no_label
from .means import Means
from .metric import Metric, MetricConfig, Row, row


class _Given(nn.Module):
    """What torchmetrics takes for a network: features that are computed already."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, values: Tensor) -> Tensor:
        return values


def _fid(**options: Any) -> Any:
    """The metric of torchmetrics, which imports torchvision where that is installed, and so has to find it importable."""
    with suppress(MmgenError):  # not installed: torchmetrics does without
        torchvision()
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(**options)


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two sets of features ``[N, F]``, by torchmetrics (Heusel et al. 2017, Eq. 6)."""
    metric = _fid(feature=_Given(real.shape[-1]))
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
    """Options of both Fréchet distances."""

    neighbours: int = Field(3, ge=1, description="Which nearest neighbour the radius of precision and recall reaches to.")
    manifold_rows: int = Field(2000, ge=2, description="Rows that precision and recall look at, at most: all pairs of them are compared.")


Found = dict[
    str, tuple[float, np.ndarray]
]  # measure to its value, and which rows (of the generated values; of the real ones for recall) it looked at


class _Frechet(Metric):
    """What both have in common: features of real and generated values of every wanted pair."""

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

    def judge(self, evaluation: Evaluation, generation: Generation) -> Found | None:
        """Distance, precision and recall; from the prior as many values as there are real ones."""
        real_rows, real = self._real(evaluation, generation.target)
        rows = generation.complete.nonzero().squeeze(1)
        if not generation.given:
            rows = rows[evaluation.draw(len(rows), len(real_rows))]
        if min(len(real_rows), len(rows)) < 2:
            return None
        made = self.features(evaluation, generation.target, generation.values[rows.to(generation.values.device)])
        some_real, some_made = (evaluation.draw(len(each), self.config.manifold_rows) for each in (real, made))
        precision, recall = precision_and_recall(real[some_real], made[some_made], self.config.neighbours)
        return {
            self.distance: (frechet_distance(real, made), _marked(rows, len(generation.complete))),
            "precision": (precision, _marked(rows[some_made], len(generation.complete))),
            "recall": (recall, _marked(real_rows[some_real], len(evaluation.latents().table))),
        }

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Found | None]) -> list[Row]:
        """Rows for every pair, and means by the number of given modalities."""
        rows: list[Row] = []
        means = Means(evaluation, "mean")
        for (given, target), found in judged.items():
            for measure, (value, looked_at) in (found or {}).items():
                rows.append(row(measure, value, int(looked_at.sum()), given="+".join(given) or "prior", target=target))
                means.add(measure, given, value, looked_at)
        return rows + means.rows()

    def _real(self, evaluation: Evaluation, target: str) -> tuple[Tensor, Tensor]:
        """Which rows of the evaluated split have real values, and the features of these; kept by the evaluation."""

        def make() -> tuple[Tensor, Tensor]:
            table = evaluation.latents().table
            has = table.available[:, evaluation.names.index(target)].nonzero().squeeze(1)
            return has, self.features(evaluation, target, table.data[target][has].to(evaluation.device))

        return evaluation.once((self.distance, target), make)


def _marked(rows: Tensor, count: int) -> np.ndarray:
    """Row numbers as a mask ``[count]``."""
    return np.isin(np.arange(count), rows.numpy())


class FDClassifierConfig(FrechetConfig):
    """Options of :class:`FDClassifier`."""

    classifier_steps: int = Field(STEPS, ge=1, description="Optimiser steps that the classifiers are trained for, as for the coherence.")


class FDClassifier(_Frechet):
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
        return no_label(evaluation, "classifiers")

    def targets(self, evaluation: Evaluation) -> list[str]:
        """All modalities whose classifier has something to learn."""
        names = evaluation.names
        labels = [evaluation.once(("labels", name), partial(learnable, evaluation, name)) for name in names]
        return [name for name, learned in zip(names, labels, strict=True) if learned]

    @torch.no_grad()
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """What the classifier's last layer sees."""
        judge = judge_of(evaluation, target, self.config.classifier_steps)
        return torch.cat([judge.features(part) for part in values.split(evaluation.batch_size)]).cpu()


class FIDConfig(FrechetConfig):
    """Options of :class:`FID`."""

    weights: Path | None = Field(
        None, description="File with the weights of Inception v3, pt_inception-2015-12-05-6726825d.pth; without it there is no FID."
    )


class FID(_Frechet):
    """Fréchet Inception distance of images, with precision and recall in the same features.

    2,048 features of Inception v3 (torch-fidelity's, weights of 2015-12-05); images pass through 8 bits, grey ones are repeated to three channels. Otherwise as
    ``fd-classifier``.

    Source: Heusel et al. 2017, Eq. 6; Kynkäänniemi et al. 2019 (precision and recall).
    """

    Config = FIDConfig
    distance = "FID"
    headline = ("FID", "precision", "recall")
    less_is_better = ("FID",)

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs images, and the weights."""
        if not self.targets(evaluation):
            return "there are no images"
        if self.config.weights is None:
            return "it needs the weights of Inception, --set metrics.fid.weights=FILE (fd-classifier does without)"
        return None

    def targets(self, evaluation: Evaluation) -> list[str]:
        """The images."""
        return [name for name, modality in evaluation.model.modalities.items() if isinstance(modality, ImageModality)]

    @torch.no_grad()
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """Features ``[N, 2048]``."""
        network = evaluation.once("inception", lambda: inception(self.config.weights).to(evaluation.device))
        transform, parts = evaluation.model.modalities[target].transform().to(evaluation.device), []
        for part in values.split(64):
            pixels = (transform(part).clamp(0, 1) * 255).round().to(torch.uint8)
            parts.append(network(pixels.expand(-1, 3, -1, -1).contiguous()).cpu())
        return torch.cat(parts)


def inception(weights: Path) -> nn.Module:
    """Inception v3 up to its 2,048 pooled features, with the given weights."""
    if not weights.is_file():
        raise MmgenError(f"metrics.fid.weights: there is no file {weights}; it should be pt_inception-2015-12-05-6726825d.pth.")
    try:
        network = _fid(feature=2048, feature_extractor_weights_path=str(weights)).inception
    except ModuleNotFoundError as error:
        raise MmgenError("The FID needs torch-fidelity: pip install 'mmgen-core[fid]'.") from error
    except Exception as error:  # whatever a damaged or foreign file makes of itself
        raise MmgenError(
            f"metrics.fid.weights: {weights} does not hold the weights of Inception v3 for the FID ({error}).".replace("\n", " ")
        ) from error
    return network.eval()
