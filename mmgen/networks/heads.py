"""The ends of networks: from features to a Gaussian posterior, and the activation of a decoder's output."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from ..bounds import bounded
from .mlp import MLPTrunk

Spread = Literal["log-variance", "log-scale"]
LOG_VARIANCE_RANGE = (-15.0, 15.0)
LEAST_SCALE = 1e-6  # with log-scale
LOGIT_RANGE = (-15.0, 15.0)  # beyond it float32 knows no derivative of the sigmoid


class GaussianHead(nn.Module):
    """Two linear maps from features ``[N, F]`` to mean and log-variance ``[N, D]``.

    With ``log-scale`` the second map gives s with σ = exp(s) + 1e-6, as in the released code for the rats.
    Log-variances are kept within ±15: beyond it a posterior is a point or knows nothing, and float32 gradients lose
    their digits. A network that was pushed out there comes back (:func:`.bounds.bounded`).
    """

    def __init__(self, features: int, latent_dim: int, spread: Spread = "log-variance") -> None:
        super().__init__()
        self.mean = nn.Linear(features, latent_dim)
        self.spread = nn.Linear(features, latent_dim)
        self.kind = spread

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, F]`` to mean and log-variance, each ``[N, D]``, in full precision also under autocast."""
        return self.moments(self.mean(features), self.spread(features))

    def moments(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """What the two maps give, ``[..., D]``, as mean and log-variance."""
        if mean.dtype in (torch.float16, torch.bfloat16):
            mean, spread = mean.float(), spread.float()
        if self.kind == "log-scale":
            spread = bounded(spread, *(end / 2 for end in LOG_VARIANCE_RANGE))  # below log 1e-6 it has no gradient
            spread = 2 * torch.logaddexp(spread, torch.full_like(spread, math.log(LEAST_SCALE)))
        return mean, bounded(spread, *LOG_VARIANCE_RANGE)


class Encoder(nn.Module):
    """A trunk and a Gaussian head: q(z | x) of one modality, or of several through a trunk of their own.

    With ``told`` it is q(z | x, c) of as many numbers c: a multilayer perceptron takes them beside x, and where x has a
    linear path c has one too; behind any other trunk a hidden layer sees its features and c side by side.

    Attributes:
        straight: How many numbers c have a linear path.
    """

    def __init__(self, trunk: nn.Module, latent_dim: int, spread: Spread = "log-variance", told: int = 0) -> None:
        super().__init__()
        features = int(trunk.features)  # type: ignore[arg-type]
        self.trunk = trunk
        self.early = isinstance(trunk, MLPTrunk) and trunk.width > 0
        self.mixing: nn.Module | None = None
        if told and isinstance(trunk, MLPTrunk) and trunk.width:
            self.mixing = nn.Linear(told, trunk.width, bias=False)
        elif told:
            self.mixing = nn.Sequential(nn.Linear(features + told, features), nn.ReLU())
        self.straight = told if isinstance(trunk, MLPTrunk) and trunk.linear_path else 0
        self.head = GaussianHead(features + self.straight, latent_dim, spread)

    def forward(self, x: Any, told: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data ``[N, *shape]`` (and c ``[N, T]``) to mean and log-variance, each ``[N, D]``."""
        if self.mixing is None or told is None:
            return self.head(self.trunk(x))
        if self.early:
            features = self.trunk(x, self.mixing(told))
            return self.head(torch.cat([features, told.to(features.dtype)], 1) if self.straight else features)
        return self.head(self.mixing(torch.cat([self.trunk(x), told], -1)))

    @property
    def is_linear(self) -> bool:
        """Whether its mean can be a linear map of what a multilayer perceptron sees: there is a linear path, or nothing
        but a linear map.
        """
        trunk = self.trunk
        return isinstance(trunk, MLPTrunk) and (trunk.linear_path or (not trunk.width and self.mixing is None))

    @torch.no_grad()
    def become_linear(self, weight: Tensor, bias: Tensor, log_variance: Tensor, of_told: Tensor | None = None) -> None:
        """Have the mean A x + C c + a and one log-variance for all rows, until it is trained: the multilayer perceptron
        beside it adds 0, and can learn.

        Args:
            weight: A, ``[D, size]``, of the first ``size`` numbers that it sees; of others behind them (which cells are
                there) nothing is made.
            bias: a, ``[D]``.
            log_variance: ``[D]``.
            of_told: C, ``[D, T]``; None where nothing is told.
        """
        mean, spread = self.head.mean, self.head.spread
        start = mean.in_features - self.straight - cast(MLPTrunk, self.trunk).size
        for linear in (mean, spread):
            linear.weight.zero_()
        mean.weight[:, start : start + weight.shape[1]] = weight.to(mean.weight)
        if of_told is not None:
            mean.weight[:, -self.straight :] = of_told.to(mean.weight)
        mean.bias.copy_(bias)
        if self.head.kind == "log-scale":
            scale = (log_variance.double() / 2).exp() - LEAST_SCALE
            log_variance = scale.clamp(min=LEAST_SCALE).log()
        spread.bias.copy_(log_variance)


class Uninformed(nn.Module):
    """In the place of an encoder, for models that have none: N(0, I) whatever it sees."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_dim), persistent=False)

    zero: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data ``[N, *shape]`` to a mean and a log-variance of 0, each ``[N, D]``."""
        zeros = self.zero.expand(len(x), -1)
        return zeros, zeros


class SigmoidLocation(nn.Module):
    """The sigmoid of the first of a decoder's outputs ``[N, outputs, *shape]``.

    Locations are then in (0, 1), as pixels are, and predicted scales stay as they are. Logits are kept within ±15
    (:func:`.bounds.bounded`), where the sigmoid still has a derivative: a decoder that was pushed out comes back.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[N, outputs, *shape]`` to the same shape."""
        location = bounded(x[:, :1], *LOGIT_RANGE).sigmoid()
        return torch.cat([location, x[:, 1:]], 1) if x.shape[1] > 1 else location
