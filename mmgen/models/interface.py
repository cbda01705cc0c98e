"""What an objective, an aggregator or a prior sees of a model: :class:`mmgen.MultimodalVAE` is what implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from ..data import Batch, Modality
from ..data.presence import Presence
from ..distributions import Gaussian
from ..options import Options

Given = Sequence[str] | Tensor | None  # names of modalities, masks that broadcast to [..., B, M], or all that rows have


class ModelConfig(Options):
    """What every model has, whatever its objective."""

    latent_dim: int = Field(16, ge=1, description="Dimensions D of the latent space.")
    beta: float = Field(
        1.0, ge=0, description="Weight β of the divergence; 1 is the evidence lower bound where the objective is one."
    )
    likelihood_weights: Literal["official", "dimension", "none"] = Field(
        "official",
        description="Weights w_m of the log-likelihoods: the modalities' own (modalities.NAME.weight: what papers use "
        "on that dataset, 1 otherwise); the largest dimension over the modality's own (for text its length), so that "
        "the largest modality has weight 1; or 1 for all.",
    )


class Model(nn.Module, ABC):
    """M encoders and M decoders with their likelihoods.

    Attributes:
        modalities: Name to modality, in order.
        labels: Classes of every label.
        config: Latent dimensions, β, and the rule of the likelihood weights.
        likelihood_weights: w_m of every modality.
        encoders, decoders, likelihoods, transforms: A module per modality, in order.
        decoder_sizes: The modalities that can be generated, each with how many numbers its decoder takes.
        objective: What trains it.
    """

    modalities: dict[str, Modality]
    labels: dict[str, tuple[str, ...]]
    config: ModelConfig
    likelihood_weights: list[float]
    encoders: nn.ModuleList
    decoders: nn.ModuleList
    likelihoods: nn.ModuleList
    transforms: nn.ModuleList
    decoder_sizes: dict[str, int]
    objective: Any

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the model is."""

    @abstractmethod
    def prepare(self, batch: Batch) -> Batch:
        """The batch in the units that the networks see; a prepared one is returned as it is."""

    @abstractmethod
    def experts(self, batch: Batch) -> Gaussian:
        """q(z | x_m) of every modality, ``[M, B, D]``; N(0, I) where a row lacks it.

        Each encoder runs once, on the rows that have its modality; the others do not exist for it.
        """

    @abstractmethod
    def encode_each(self, inputs: Sequence[Tensor], presence: Presence | None = None) -> Gaussian:
        """The same from prepared inputs ``[B, *shape]`` of every modality; without ``presence`` rows have all."""

    @abstractmethod
    def decode(self, z: Float[Tensor, "*lead _"], target: str) -> Tensor:
        """Decoder output ``[..., outputs, *shape]`` of one modality for what it takes, in one call."""

    @abstractmethod
    def log_likelihood(
        self,
        z: Float[Tensor, "*lead B D"] | Sequence[Tensor],
        batch: Batch,
        *,
        per_modality: bool = False,
        frozen: bool = False,
    ) -> Float[Tensor, " M *lead_and_B"]:
        """w_m log p(x_m | z) of every modality, 0 where a row lacks it or the model does not generate it.

        Args:
            z: ``[..., B, D]``; each decoder runs once, on those of the rows that have its modality. With
                ``per_modality``, ``[M, ..., B, D]`` or one tensor per modality: m is decoded from ``z[m]``.
            batch: The rows.
            per_modality: Whether each modality has its own latents.
            frozen: Whether the parameters of decoders and likelihoods are constants here: gradients reach z alone.

        Returns:
            ``[M, ..., B]``.
        """

    @abstractmethod
    def mask(self, batch: Batch, given: Given = None) -> Bool[Tensor, "*lead B M"]:
        """What each row has of the given modalities: of those that are named, or of masks that broadcast to
        ``[..., B, M]``; of all by default.
        """

    @abstractmethod
    def unconditional_prior(self, count: int) -> Any:
        """p(z) for ``count`` rows; N(0, I) where the prior depends on the data of a row.

        Raises:
            MmgenError: The objective has no prior.
        """


def likelihood_weights(modalities: Mapping[str, Modality], rule: str) -> list[float]:
    """w_m of every modality by :attr:`ModelConfig.likelihood_weights`; ``dimension`` as in Sutter et al. 2021 and
    "Scalable multimodal VAEs", section 4.
    """
    if rule == "official":
        return [modality.weight for modality in modalities.values()]
    largest = max(modality.dimension for modality in modalities.values())
    return [largest / modality.dimension if rule == "dimension" else 1.0 for modality in modalities.values()]
