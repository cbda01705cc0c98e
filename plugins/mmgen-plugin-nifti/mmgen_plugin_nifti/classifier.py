"""The trunk of classifiers that judge generated volumes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmgen.networks import ConvTrunk

CHANNELS, DROPOUT = (8, 16, 32, 64), 0.3


class VolumeClassifierTrunk(nn.Module):
    """3×3×3 convolutions of stride 2 with ReLU, as many as the size takes, and a hidden layer between dropouts."""

    def __init__(self, shape: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        convolutions = ConvTrunk(shape, CHANNELS[: max(shape[1:]).bit_length() + 1])
        last = nn.Linear(convolutions.features, hidden)
        self.layers = nn.Sequential(convolutions, nn.Dropout(DROPOUT), last, nn.ReLU(), nn.Dropout(DROPOUT))
        self.features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, D, H, W]`` to ``[N, features]``."""
        return self.layers(x)
