"""What all methods of this package share: two views, of which one is available after training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Modality, Model, Objective, ObjectiveConfig
from mmgen.distributions import Gaussian, Mixture


class TwoViewConfig(ObjectiveConfig):
    """Options of :class:`TwoView`."""

    available: str | None = Field(
        None,
        description="The view that there is after training, from which z is inferred: a modality's name; none: the "
        "first one.",
    )


class TwoView(Objective):
    """Two views x_o and x_M of one thing: both in training, x_o alone afterwards.

    z is inferred from x_o, whatever else is given, so there is nothing to aggregate. Rows that lack a view cannot be
    trained on.
    """

    Config = TwoViewConfig
    aggregator = None
    most_modalities = 2

    def views(self, modalities: Mapping[str, Modality]) -> tuple[int, int]:
        """Places of x_o and x_M among the modalities.

        Raises:
            MmgenError: There are not two modalities, or none that is called as ``available`` says.
        """
        names = list(modalities)
        if len(names) != 2:
            raise MmgenError(f"This objective is for two views, and the data have one modality: {names[0]}.")
        if self.config.available is not None and self.config.available not in names:
            raise MmgenError(
                f"objective.available: there is no modality {self.config.available!r}; there are {' and '.join(names)}."
            )
        place = names.index(self.config.available or names[0])
        return place, 1 - place

    def available(self, modalities: Mapping[str, Modality]) -> str:
        """Name of x_o."""
        return list(modalities)[self.views(modalities)[0]]

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: the one network that z is inferred with is the objective's own."""
        self.views(modalities)
        return {}

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From x_o, alone or not."""
        return self.available(model.modalities) in given

    @abstractmethod
    def inferred(self, model: Model, batch: Batch) -> Gaussian:
        """q(z | x_o) of a prepared batch, ``[B, D]``."""

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q(z | x_o) where x_o is given, N(0, I) elsewhere: ``[..., 1, B, D]``."""
        q = self.inferred(model, batch)
        return Mixture.of(q.where(given[..., self.views(model.modalities)[0]]))


class Features(TwoView):
    """Two-view methods whose z is a function of x_o: a point, with variance 0; no prior, and mostly no decoder."""

    prior = None

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """Nothing, unless a method says otherwise."""
        return {}

    @abstractmethod
    def features(self, model: Model, batch: Batch, view: int) -> Float[Tensor, "B D"]:
        """What a trained model makes of one view, by its place."""

    def inferred(self, model: Model, batch: Batch) -> Gaussian:
        """A point, ``[B, D]``."""
        return Gaussian.point(self.features(model, batch, self.views(model.modalities)[0]))

    def gaussians(self, model: Model, batch: Batch) -> Mapping[str, Gaussian]:
        """None: a point has no divergence from anything."""
        return {}


class FeatureNetwork(nn.Module):
    """f: a new trunk of a modality, and a linear layer to D features."""

    def __init__(self, modality: Modality, latent_dim: int) -> None:
        super().__init__()
        self.trunk = modality.trunk(latent_dim)
        self.linear = nn.Linear(int(self.trunk.features), latent_dim)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Float[Tensor, "B D"]:
        """Prepared data ``[B, *shape]`` to features, in full precision also under autocast."""
        features = self.linear(self.trunk(x))
        return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
