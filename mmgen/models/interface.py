"""What an objective, an aggregator or a prior sees of a model: :class:`mmgen.MultimodalVAE` is what implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from ..data import Batch, Modality
from ..distributions import Gaussian
from ..options import Options, Unless
from .decoder_input import DecoderInput

Given = Sequence[str] | Tensor | None  # names of modalities, masks that broadcast to [..., B, M], or all that rows have


class ModelConfig(Options):
    """What every model has, whatever its objective."""

    only_with = {
        "private_beta": {"private_dim": Unless(0)},
        "private_from_prior": {"private_dim": Unless(0)},
    }

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
    private_dim: Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]] = Field(
        0,
        description="Dimensions of a latent w_m that each modality has for itself beside z: one number, or one by "
        "modality.",
    )
    private_beta: float = Field(
        1.0, ge=0, description="Weight of KL(q(w_m|x_m) ‖ N(0, I)) beside the likelihood of x_m."
    )
    private_from_prior: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the draws in training in which w_m is from N(0, I) and not from q(w_m|x_m), and costs "
        "nothing: decoders then cannot do without z, and it remains a lower bound.",
    )


class Model(nn.Module, ABC):
    """M encoders and M decoders with their likelihoods.

    Attributes:
        modalities: Name to modality, in order.
        labels: Classes of every label.
        config: Latent dimensions, β, and the rule of the likelihood weights.
        likelihood_weights: w_m of every modality.
        encoders, decoders, likelihoods, transforms: A module per modality, in order.
        encoded: The modalities with an encoder, each with the dimensions of z that it gives.
        decoder_sizes: The modalities that can be generated, each with how many numbers its decoder takes: what the
            objective gives it, private latents, and covariates.
        private: The modalities with private latents, each with how many.
        covariates: Classes of every covariate that networks are told; none of a number.
        told: How many numbers these are for a network; 0 without covariates.
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
    encoded: dict[str, int]
    decoder_sizes: dict[str, int]
    private: dict[str, int]
    covariates: dict[str, tuple[str, ...]]
    told: int
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
        """q(z | x_m) of every modality, ``[M, B, D]``; N(0, I) where a row lacks it. As wide as the largest latent of
        the objective's ``encodes``, where that is larger than D.

        Each encoder runs once, on the rows that have its modality; the others do not exist for it.
        """

    @abstractmethod
    def private_posteriors(self, batch: Batch) -> dict[str, Any]:
        """q(w_m | x_m) ``[B, P_m]`` of every modality with private latents, as the objective has them; with
        zeros for parameters where a row lacks it.

        They come from the same pass through the encoders as :meth:`experts`.
        """

    @abstractmethod
    def encode_each(self, inputs: Sequence[Tensor]) -> Gaussian:
        """Experts from prepared inputs ``[B, *shape]`` of every modality, which all rows have; where networks are told
        covariates, the usual ones.
        """

    @abstractmethod
    def decode(self, z: Float[Tensor, "*lead _"], target: str) -> Tensor:
        """Decoder output ``[..., outputs, *shape]`` of one modality for everything that its decoder takes, in one
        call: :meth:`decoder_input` says what that is.
        """

    @abstractmethod
    def decoder_input(
        self,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None = None,
        given: Bool[Tensor, "*any B M"] | None = None,
        *,
        covariates: Mapping[str, Any] | None = None,
    ) -> DecoderInput:
        """What the decoder of ``target`` takes for latents ``z`` of the rows of a prepared batch under subsets, or from
        the prior: what the objective says, private latents, and covariates, of which some may be set to other values.
        """

    @abstractmethod
    def log_likelihood(
        self,
        z: Float[Tensor, "*lead B D"] | Sequence[Tensor],
        batch: Batch,
        *,
        per_modality: bool = False,
        frozen: bool = False,
        weighted: bool = False,
        private: Mapping[str, Tensor] | None = None,
    ) -> Float[Tensor, " M *lead_and_B"]:
        """w_m log p(x_m | z) of every modality, 0 where a row lacks it or the model does not generate it.

        With private latents it is w_m log p(x_m | z, w_m) − ``private_beta`` KL(q(w_m|x_m) ‖ N(0, I)), w_m ~
        q(w_m|x_m): a lower bound of it in expectation. Where cells are empty the sum is over the others.

        Args:
            z: ``[..., B, D]``; each decoder runs once, on those of the rows that have its modality. With
                ``per_modality``, ``[M, ..., B, D]`` or one tensor per modality: m is decoded from ``z[m]``. What
                :meth:`mmgen.Objective.decodes` says, without private latents and covariates.
            batch: The rows.
            per_modality: Whether each modality has its own latents.
            frozen: Whether the parameters of decoders and likelihoods are constants here: gradients reach z alone.
            weighted: Whether the results become importance weights exp(Σ_m …): what private latents cost is then log
                q(w_m|x_m) − log N(w_m; 0, I) of each draw, and not its mean.
            private: Private latents ``[..., B, P_m]`` of every modality that has some, in the place of draws of the
                model's own. What they cost is then the caller's business, and no part of the result.

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
        """p(z) for ``count`` rows, which may be one that can only be drawn from; N(0, I) where the prior depends on the
        data of a row.

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
