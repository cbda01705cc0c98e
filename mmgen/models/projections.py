"""Points in the place of posteriors: a network of each modality, for an objective's own use."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from ..data import Batch, Modality
from ..networks.rows import WHOLE, View, normalised
from .interface import Model


class Projections(nn.Module):
    """For each modality a new trunk and a linear layer to F features, g_m(x_m): encoders without a variance.

    They are the objective's, beside ``model.encoders`` or (where :meth:`mmgen.Objective.encodes` names none) in the
    place of these. Each runs once, on the rows that have its modality. Covariates they are not told.

    Args:
        model: Whose modalities.
        features: F, for all or by modality. Where they differ, features are as wide as the widest.
    """

    def __init__(self, model: Model, features: int | Mapping[str, int]) -> None:
        super().__init__()
        sizes = features if isinstance(features, Mapping) else dict.fromkeys(model.modalities, features)
        self.width = max(sizes.values())
        self.networks = nn.ModuleList(
            _Projection(modality, sizes[name], model.config.latent_dim) for name, modality in model.modalities.items()
        )

    def forward(self, batch: Batch) -> Float[Tensor, "M B F"]:
        """A prepared batch to features; zeros where a row lacks the modality, and beyond a modality's own size."""
        presence, found = batch.presence, []
        for m, (name, network) in enumerate(zip(batch.data, self.networks, strict=True)):
            having = presence.having[m]
            view = WHOLE if having is None else View(batch.available[:, m], having if presence.gathers else None)
            with normalised([(network, view)]):
                features = view.placed(network(view.values(batch.input(name))), 0)
            found.append(pad(features, (0, self.width - features.shape[-1])))
        return torch.stack(found)


class _Projection(nn.Module):
    def __init__(self, modality: Modality, features: int, latent_dim: int) -> None:
        super().__init__()
        self.trunk = modality.trunk(latent_dim)
        self.linear = nn.Linear(int(self.trunk.features), features)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Prepared data ``[n, *shape]`` to features ``[n, F]``, in full precision also under autocast."""
        features = self.linear(self.trunk(x).flatten(1))
        return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
