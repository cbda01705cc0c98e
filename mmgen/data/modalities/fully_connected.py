"""What kinds of modality with fully connected networks share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt, field_validator, model_validator
from torch import nn

from ...distributions import SUPPORTS, Likelihood
from ...distributions.likelihoods import Support
from ...networks import MLPDecoder, MLPTrunk
from ...options import default_of
from ..likelihood_choice import LikelihoodChoice, likelihood_class, make_likelihood, resolve_choice
from ..modality import Modality
from ..rendering import Rendering

Activation = Literal["relu", "leaky-relu", "elu", "gelu", "silu", "softplus", "tanh"]
LIKELIHOOD = "p(x | z): a name (mmgen list likelihoods), or a mapping of that and options."


class FullyConnected(Modality):
    """What kinds with fully connected networks share.

    Attributes:
        supports: What values of this kind can be: which likelihoods it takes.
        likelihood_options: By name of a likelihood, options that differ here from its own defaults.
    """

    supports: ClassVar[tuple[Support, ...]] = ("real",)
    likelihood_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    likelihood: LikelihoodChoice = Field("normal", description=LIKELIHOOD, validate_default=True)
    hidden: tuple[PositiveInt, ...] = Field(
        (256, 128), description="Widths of the encoder's hidden layers, each followed by the activation."
    )
    decoder_hidden: tuple[PositiveInt, ...] | None = Field(
        None, description="Widths of the decoder's hidden layers; none: the encoder's, reversed."
    )
    activation: Activation = Field("relu", description="After every hidden layer.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden units left out at each training step.")
    display: tuple[int, int] | None = Field(
        None, description="Rows and columns when values are drawn as a raster; none: as bars."
    )

    @field_validator("likelihood", mode="before", json_schema_input_type=str | dict[str, Any])
    @classmethod
    def _resolve_likelihood(cls, value: Any) -> dict[str, Any]:
        what, default = cls.__name__.removesuffix("Modality").lower(), default_of(cls, "likelihood")
        return resolve_choice(value, default, cls.likelihood_options, cls.supports, what)

    @model_validator(mode="after")
    def _check_display(self) -> FullyConnected:
        if self.display is not None and math.prod(self.display) != math.prod(self.shape):
            raise ValueError(
                f"display {list(self.display)} has {math.prod(self.display)} cells, and a value has "
                f"{math.prod(self.shape)}"
            )
        return self

    @property
    def support(self) -> Support:
        """What values are, by the likelihood."""
        return likelihood_class(self.likelihood).support

    @property
    def value_supports(self) -> tuple[Support, ...]:
        """The same for values of different types: one for each."""
        return (self.support,)

    @property
    def value_transforms(self) -> tuple[str, ...]:
        """What values are changed by for the networks, where that can be chosen and takes some numbers only."""
        return ()

    @property
    def _dropout(self) -> float:
        """The share of hidden units that is left out."""
        return self.dropout

    @property
    def _input_shape(self) -> tuple[int, ...]:
        """Shape of what an encoder sees of one value."""
        return self.shape

    def refused(self, values: np.ndarray) -> tuple[np.ndarray, str]:
        """Which finite numbers ``[...]`` are no values of this likelihood, ``bool [...]``, and the end of a sentence
        about one: "… holds -2, and …".
        """
        allowed = SUPPORTS[self.support]
        return ~allowed.contains(values), f"and {allowed.required}"

    def make_likelihood(self) -> Likelihood:
        """The chosen one."""
        return make_likelihood(self.likelihood, self.shape)

    def trunk(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron."""
        return MLPTrunk(self._input_shape, self.hidden, self.activation, self._dropout)

    def decoder(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron."""
        hidden = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        return MLPDecoder(
            latent_dim, (self.make_likelihood().outputs, *self.shape), hidden, self.activation, self._dropout
        )

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of 256 and 128, with dropout."""
        return MLPTrunk(self.shape, (256, 128), "relu", 0.3)

    def render(self, value: np.ndarray) -> Rendering:
        """A raster where ``display`` says so, else bars."""
        if self.display is not None:
            return Rendering("raster", value.reshape(self.display))
        return Rendering("bars", value.reshape(-1).tolist())


class Cellwise(FullyConnected):
    """What kinds share whose values are likely or not cell by cell, so that single cells may be missing."""

    takes_missing_cells: ClassVar[bool] = True
    only_with = {"mask_input": {"missing": ("cell",)}}

    mask_input: bool = Field(False, description="Whether the encoder also sees which cells are there.")

    @property
    def _input_shape(self) -> tuple[int, ...]:
        return (2, *self.shape) if self.mask_input else self.shape
