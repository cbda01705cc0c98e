"""What is measured: shapes, batch sizes, and the networks in plain PyTorch. Nothing of mmgen or of a peer is imported
here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

RATS = (920, 790, 1040, 490, 460)


@dataclass(frozen=True)
class Case:
    """Modalities of one shape or many, the same networks for everybody."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    latent_dim: int
    batch_size: int
    layers: int = 2  # hidden layers of flat modalities, as wide as the input

    @property
    def names(self) -> list[str]:
        """x0, x1 and so on."""
        return [f"x{m}" for m in range(len(self.shapes))]

    @property
    def laplace(self) -> bool:
        """Images have a Laplace likelihood with scale 0.75, everything else a Gaussian one with scale 1."""
        return len(self.shapes[0]) == 3

    def data(self, rows: int, seed: int = 0) -> dict[str, Tensor]:
        """Random values in [0, 1] for images, standard normal ones otherwise, by name."""
        generator = torch.Generator().manual_seed(seed)
        make = torch.rand if self.laplace else torch.randn
        return {
            name: make(rows, *shape, generator=generator) for name, shape in zip(self.names, self.shapes, strict=True)
        }

    def trunk(self, shape: tuple[int, ...]) -> tuple[nn.Sequential, int]:
        """Layers of an encoder before its heads, and how many features they give."""
        if len(shape) == 3:  # Sutter et al. 2021, PolyMNIST
            convolutions = [
                nn.Conv2d(3, 32, 3, 2, 1),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3, 2, 1),
                nn.ReLU(),
                nn.Conv2d(64, 128, 3, 2, 1),
                nn.ReLU(),
            ]
            return nn.Sequential(
                *convolutions, nn.Flatten(), nn.Linear(2048, self.latent_dim), nn.ReLU()
            ), self.latent_dim
        width = math.prod(shape)
        return nn.Sequential(
            *[layer for _ in range(self.layers) for layer in (nn.Linear(width, width), nn.ReLU())]
        ), width

    def decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        """``[N, D]`` to ``[N, *shape]``."""
        if len(shape) == 3:
            return nn.Sequential(
                nn.Linear(self.latent_dim, 2048),
                nn.ReLU(),
                nn.Unflatten(1, (128, 4, 4)),
                nn.ConvTranspose2d(128, 64, 3, 2, 1, 0),
                nn.ReLU(),
                nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
                nn.ReLU(),
                nn.ConvTranspose2d(32, 3, 3, 2, 1, 1),
            )
        width = math.prod(shape)
        hidden = [
            layer
            for n in range(self.layers)
            for layer in (nn.Linear(width if n else self.latent_dim, width), nn.ReLU())
        ]
        return nn.Sequential(*hidden, nn.Linear(width, width))

    def classifier(self, shape: tuple[int, ...]) -> nn.Sequential:
        """Values ``[N, *shape]`` to logits of ten classes: the layers of mmgen's judging classifiers."""
        if len(shape) == 3:
            layers: list[nn.Module] = []
            inputs = 3
            for stage, outputs in enumerate((16, 32, 64)):
                for _ in range(2):
                    layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
                    inputs = outputs
                layers += [nn.MaxPool2d(2, ceil_mode=True)] if stage < 2 else []
            return nn.Sequential(
                *layers,
                nn.Flatten(),
                nn.Dropout(0.5),
                nn.Linear(64 * 49, 128),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(128, 10),
            )
        hidden = [
            nn.Linear(math.prod(shape), 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
        ]
        return nn.Sequential(*hidden, nn.Linear(128, 10))


class PlainEncoder(nn.Module):
    """A trunk and two linear heads: mean and log-variance ``[N, D]``."""

    def __init__(self, case: Case, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.trunk, features = case.trunk(shape)
        self.mean, self.log_variance = nn.Linear(features, case.latent_dim), nn.Linear(features, case.latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, *shape]`` to ``[N, D]`` twice."""
        features = self.trunk(x)
        return self.mean(features), self.log_variance(features)


CASES = {
    "poly": Case("poly", ((3, 28, 28),) * 5, 64, 256),
    "rats": Case("rats", tuple((size,) for size in RATS), 2, 128),
    **{f"flat{m}": Case(f"flat{m}", ((100,),) * m, 16, 128, layers=1) for m in range(2, 21)},
    **{f"poly{m}": Case(f"poly{m}", ((3, 28, 28),) * m, 64, 256) for m in (5, 7)},
}

# How often each method runs the encoders and the decoders in one step: what it cannot do without.
PASSES = {
    "mvtcae": (1, 1),
    "mopoe": (1, 1),
    "mmjsd-poe": (1, 1),
    "mmvamp": (1, 1),
    "aggregated": (1, 1),
    "independent": (1, 1),
    "jmvae": (2, 1),  # unimodal encoders and the joint one
    "crmvae": (1, 2),  # from the joint latent and from each modality's own
    "mvae": (1, 2),  # the same: its bounds of single modalities decode these alone
    "mmvae": (1, None),  # every latent into every modality: M
}
