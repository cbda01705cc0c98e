"""The Fréchet Inception distance, which images alone have."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from mmgen import Evaluation, ImageModality, MmgenError
from mmgen.evaluation.frechet import Frechet, FrechetConfig, torchmetrics_fid


class FIDConfig(FrechetConfig):
    """Options of :class:`FID`."""

    weights: Path | None = Field(
        None,
        description="File with the weights of Inception v3, pt_inception-2015-12-05-6726825d.pth; without it there "
        "is no FID.",
    )


class FID(Frechet):
    """Fréchet Inception distance of images, with precision and recall in the same features.

    2,048 features of Inception v3 (torch-fidelity's, weights of 2015-12-05); images pass through 8 bits, grey ones are
    repeated to three channels. Otherwise as ``fd-classifier``.

    Source: Heusel et al. 2017, Eq. 6; Kynkäänniemi et al. 2019 (precision and recall).
    """

    Config = FIDConfig
    distance = "FID"
    headline = ("FID", "precision", "recall")
    less_is_better = ("FID",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs images, and the weights."""
        if not self.targets(evaluation):
            return "there are no images in grey or in colours"
        if self.config.weights is None:
            return "it needs the weights of Inception, --set metrics.fid.weights=FILE (fd-classifier does without)"
        return None

    def targets(self, evaluation: Evaluation) -> list[str]:
        """The images in grey or in colours, which are what Inception was trained on."""
        return [
            name
            for name, modality in evaluation.model.modalities.items()
            if isinstance(modality, ImageModality) and modality.shape[0] in (1, 3)
        ]

    @torch.no_grad()
    def features(self, evaluation: Evaluation, target: str, values: Tensor) -> Tensor:
        """Features ``[N, 2048]``."""
        network = evaluation.cached("inception", lambda: inception(self.config.weights).to(evaluation.device))
        transform, features = evaluation.model.modalities[target].make_transform().to(evaluation.device), []
        for block in values.split(64):
            pixels = (transform(block).clamp(0, 1) * 255).round().to(torch.uint8)
            features.append(network(pixels.expand(-1, 3, -1, -1).contiguous()).cpu())
        return torch.cat(features)


def inception(weights: Path) -> nn.Module:
    """Inception v3 up to its 2,048 pooled features, with the given weights."""
    if not weights.is_file():
        raise MmgenError(
            f"metrics.fid.weights: there is no file {weights}; it should be pt_inception-2015-12-05-6726825d.pth."
        )
    try:
        network = torchmetrics_fid(feature=2048, feature_extractor_weights_path=str(weights)).inception
    except ModuleNotFoundError as error:
        raise MmgenError("The FID needs torch-fidelity: pip install 'mmgen-plugin-vision[fid]'.") from error
    except Exception as error:  # whatever a damaged or foreign file makes of itself
        raise MmgenError(
            f"metrics.fid.weights: {weights} does not hold the weights of Inception v3 for the FID ({error}).".replace(
                "\n", " "
            )
        ) from error
    return network.eval()
