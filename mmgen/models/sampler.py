"""The interface of a sampler: a density of latents, fitted after training, to draw from where nothing is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..data import Table
from ..errors import MmgenError
from ..options import Options
from .interface import Model


class SamplerConfig(Options):
    """Base of a sampler's options; every field has a description and can be set as ``sampler.<field>``."""


class Sampler(nn.Module, ABC):
    """A density of the latents of training rows, each drawn from the posterior given everything that the row has.

    What is fitted is parameters and buffers, so that ``state_dict`` is all of it. No objective knows of samplers, and
    none changes a model.

    Latents are z alone: private latents come from their prior, and covariates from training rows. Where modalities keep
    their own latents, one row of ``latents`` is ``[z_1 … z_M]``, so that what is drawn for all modalities belongs
    together.

    Source: Ghosh et al. 2020 (https://arxiv.org/abs/1903.12436), ex-post density estimation.

    Attributes:
        fitted: Whether there is anything to fit.
    """

    Config: ClassVar[type[SamplerConfig]] = SamplerConfig
    fitted: ClassVar[bool] = True

    def __init__(self, config: SamplerConfig | None = None) -> None:
        super().__init__()
        self.config: Any = self.Config() if config is None else config

    def build(self, model: Model) -> None:
        """Make networks or buffers for the latents of a model, ``[N, dimensions_of(model)]``; called once."""

    @abstractmethod
    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """Fit to latents, on the CPU. Random numbers are torch's global ones, which whoever calls has seeded."""

    def see(self, model: Model, train: Table) -> None:
        """Go on from what was fitted to latents by the training rows themselves; by default nothing."""

    @abstractmethod
    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """Independent draws, with torch's global random numbers."""

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """The log-density, where there is one."""
        raise NotImplementedError(f"{type(self).__name__} has no density")

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take what ``state_dict`` gave of a fitted sampler with these options.

        Buffers take the shapes that they were saved with, since a fit may have decided them.
        """
        for name, value in state.items():
            where, _, buffer = name.rpartition(".")
            owner = self.get_submodule(where)
            if buffer in owner._buffers:
                owner._buffers[buffer] = torch.empty_like(value)
        self.load_state_dict(dict(state))


def dimensions_of(model: Model) -> int:
    """How many numbers a sampler draws for an item: D, or M · D where modalities keep their own latents."""
    return model.config.latent_dim * (1 if model.objective.shared else len(model.modalities))


def checked_latents(latents: Tensor, name: str) -> Tensor:
    """Latents ``[N, D]`` that can be fitted, in float64.

    Raises:
        MmgenError: Fewer than two, or one that is not finite.
    """
    if len(latents) < 2:
        raise MmgenError(f"The sampler {name!r} is fitted to two rows at least, and there are {len(latents)}.")
    if not latents.isfinite().all():
        raise MmgenError(f"The sampler {name!r} cannot be fitted: latents of training rows are not finite.")
    return latents.double()
