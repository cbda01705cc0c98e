"""A network that sees all modalities at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ..data import Batch, Modality
from ..distributions import Gaussian
from ..networks import Encoder
from ..networks.rows import WHOLE, View, normalised
from .interface import Model


class JointEncoder(nn.Module):
    """q(z | X) from all modalities: a second trunk of each, their features side by side, and one Gaussian head.

    It needs every modality: it runs on the rows that have all, and of the others nothing is inferred: their q(z | X) is
    N(0, I). The sizes follow those of the modalities' own encoders, so that it has about as many parameters as all of
    them together.

    Source: the joint inference network of Suzuki et al. 2017 (JMVAE), also of Vedantam et al. 2018 (TELBO) and
    "Scalable multimodal VAEs with surrogate joint posterior"; none of them says how the modalities meet, and features
    side by side are our choice.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        dim, modalities = model.config.latent_dim, model.modalities
        self.names = tuple(modalities)
        trunk = _SideBySide([modality.trunk(dim) for modality in modalities.values()])
        self.encoder = Encoder(trunk, dim, told=model.told)

    def tie(self, modalities: Mapping[str, Modality], decoders: Iterable[nn.Module]) -> None:
        """Let decoders share with this encoder what they would share with that of their own modality."""
        for modality, trunk, decoder in zip(
            modalities.values(), cast(_SideBySide, self.encoder.trunk).trunks, decoders, strict=True
        ):
            modality.tie(trunk, decoder)

    def forward(self, batch: Batch) -> Gaussian:
        """A prepared batch to q(z | X), ``[B, D]``."""
        presence = batch.presence
        complete = presence.complete
        view = WHOLE if complete is None else View(batch.available.all(-1), complete if presence.gathers else None)
        with normalised([(self.encoder, view)]):
            inputs = [view.values(batch.input(name)) for name in self.names]
            moments = self.encoder(inputs, None if batch.told is None else view.values(batch.told))
        return Gaussian(*(view.placed(value, 0) for value in moments))


class _SideBySide(nn.Module):
    """Several trunks, whose features ``[B, F_m]`` are joined to ``[B, Σ F_m]``."""

    def __init__(self, trunks: list[nn.Module]) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.features = sum(cast(int, trunk.features) for trunk in trunks)

    def forward(self, values: list[Tensor]) -> Tensor:
        """One tensor ``[B, *shape]`` per modality to ``[B, F]``."""
        return torch.cat([trunk(x).flatten(1) for trunk, x in zip(self.trunks, values, strict=True)], 1)
