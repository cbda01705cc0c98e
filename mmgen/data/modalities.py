"""The modalities that the core ships: vectors, images, counts, text, tags and labels."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ..distributions import Likelihood, make_likelihood
from ..distributions.likelihoods import ScaleKind
from ..networks import ConvDecoder, ConvTrunk, MLPDecoder, MLPTrunk, SequenceDecoder, SequenceTrunk
from .modality import Modality, Rendering
from .transforms import Codes, Pixels, Standardise, Transform

Activation = Literal["relu", "leaky-relu", "elu", "gelu", "silu", "softplus", "tanh"]


class _FullyConnected(Modality):
    """What kinds with fully connected networks share."""

    hidden: tuple[int, ...] = Field((256, 128), description="Widths of the encoder's hidden layers, each followed by the activation.")
    decoder_hidden: tuple[int, ...] | None = Field(
        None, description="Widths of the decoder's hidden layers; none: the encoder's, reversed."
    )
    activation: Activation = Field("relu", description="After every hidden layer.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden units left out at each training step.")
    display: tuple[int, int] | None = Field(None, description="Rows and columns when values are drawn as a raster; none: as bars.")

    @model_validator(mode="after")
    def _display_fits(self) -> _FullyConnected:
        if self.display is not None and math.prod(self.display) != math.prod(self.shape):
            raise ValueError(f"display {list(self.display)} has {math.prod(self.display)} cells, and a value has {math.prod(self.shape)}")
        return self

    def trunk(self) -> nn.Module:
        """A multilayer perceptron."""
        return MLPTrunk(self.shape, self.hidden, self.activation, self.dropout)

    def decoder(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron."""
        hidden = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        return MLPDecoder(latent_dim, (self.make_likelihood().outputs, *self.shape), hidden, self.activation, self.dropout)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of 256 and 128, with dropout."""
        return MLPTrunk(self.shape, (256, 128), "relu", 0.3)

    def render(self, value: np.ndarray) -> Rendering:
        """A raster where ``display`` says so, else bars."""
        if self.display is not None:
            return Rendering("raster", value.reshape(self.display))
        return Rendering("bars", value.reshape(-1).tolist())


class VectorModality(_FullyConnected):
    """Real numbers, standardised with training statistics unless told otherwise."""

    likelihood: Literal["normal", "laplace", "squared-error"] = Field("normal", description="p(x | z).")
    scale: float = Field(1.0, gt=0, description="Scale of the likelihood: fixed, or where a learned one starts.")
    scale_kind: ScaleKind = Field("fixed", description="Whether the scale is fixed, learned per value, or predicted by the decoder.")
    standardise: bool = Field(True, description="Whether the networks see (x − mean) / standard deviation of the training rows.")

    def make_likelihood(self) -> Likelihood:
        """Normal, Laplace or squared error."""
        options: dict[str, Any] = {} if self.likelihood == "squared-error" else {"scale": self.scale, "scale_kind": self.scale_kind}
        return make_likelihood(self.likelihood, self.shape, **options)

    def transform(self) -> Transform:
        """Standardisation, if wanted."""
        return Standardise(self.shape) if self.standardise else Transform()


class _Log1pTrunk(MLPTrunk):
    """A multilayer perceptron that sees log(1 + x)."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, *shape]`` to ``[N, features]``."""
        return super().forward(torch.log1p(x.clamp(min=0)))


class CountsModality(_FullyConnected):
    """Counts: non-negative whole numbers, seen by the encoder as log(1 + x)."""

    likelihood: Literal["poisson", "negative-binomial"] = Field("negative-binomial", description="p(x | z).")

    def trunk(self) -> nn.Module:
        """A multilayer perceptron of log(1 + x)."""
        return _Log1pTrunk(self.shape, self.hidden, self.activation, self.dropout)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of log(1 + x)."""
        return _Log1pTrunk(self.shape, (256, 128), "relu", 0.3)

    def make_likelihood(self) -> Likelihood:
        """Poisson or negative binomial."""
        return make_likelihood(self.likelihood, self.shape)


class TagsModality(_FullyConnected):
    """Several yes/no answers at once: a vector of 0 and 1."""

    likelihood: Literal["bernoulli"] = Field("bernoulli", description="p(x | z).")

    def make_likelihood(self) -> Likelihood:
        """Bernoulli."""
        return make_likelihood("bernoulli", self.shape)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Share of the answers that differ, after rounding."""
        return ((x.float() > 0.5) != (y.float() > 0.5)).flatten(1).float().mean(-1)


class _OneHotTrunk(MLPTrunk):
    """A multilayer perceptron of one-hot codes."""

    def __init__(self, shape: tuple[int, ...], categories: int, *options: Any) -> None:
        super().__init__((*shape, categories), *options)
        self.register_buffer("identity", torch.eye(categories), persistent=False)

    identity: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """``[N, *shape]`` codes to ``[N, features]``."""
        return super().forward(self.identity[x.clamp(min=0)] * (x >= 0)[..., None])


class _Codes(_FullyConnected):
    """What kinds made of integer codes share: they are predicted, guessed and compared code by code."""

    likelihood: Literal["categorical"] = Field("categorical", description="p(x | z).")

    def transform(self) -> Transform:
        """Codes as int64."""
        return Codes()

    def guess(self, values: Tensor) -> Tensor:
        """The most frequent codes."""
        return values.mode(0).values

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Share of the values that differ."""
        return (x != y).flatten(1).float().mean(-1)


class LabelsModality(_Codes):
    """One of several categories per value: integer codes."""

    categories: tuple[str, ...] = Field(description="Names of the categories, in the order of their codes.", min_length=2)

    def trunk(self) -> nn.Module:
        """A multilayer perceptron of one-hot codes."""
        return _OneHotTrunk(self.shape, len(self.categories), self.hidden, self.activation, self.dropout)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of one-hot codes."""
        return _OneHotTrunk(self.shape, len(self.categories), (256, 128), "relu", 0.3)

    def make_likelihood(self) -> Likelihood:
        """Categorical."""
        return make_likelihood("categorical", self.shape, categories=len(self.categories))

    def render(self, value: np.ndarray) -> Rendering:
        """The names."""
        return Rendering("text", ", ".join(self.cells(value)))

    def cells(self, value: np.ndarray) -> list[Any]:
        """The names."""
        return [self.categories[int(code)] if code >= 0 else "" for code in value.reshape(-1)]


class TextModality(_Codes):
    """Text of a fixed length, one code per character (or word) of an alphabet."""

    alphabet: tuple[str, ...] = Field(
        description="The characters (or words) in the order of their codes; the first one pads.", min_length=2
    )
    joiner: str = Field("", description="Between the symbols when they are written out: nothing for characters, a blank for words.")

    def trunk(self) -> nn.Module:
        """Embedding, a convolution, and a multilayer perceptron."""
        return SequenceTrunk(self.shape[0], len(self.alphabet), self.hidden, activation=self.activation, dropout=self.dropout)

    def decoder(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron to logits."""
        hidden = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        return SequenceDecoder(latent_dim, self.shape[0], len(self.alphabet), hidden, self.activation, self.dropout)

    def classifier_trunk(self) -> nn.Module:
        """Like the encoder's, of 256 and 128."""
        return SequenceTrunk(self.shape[0], len(self.alphabet), (256, 128), dropout=0.3)

    def make_likelihood(self) -> Likelihood:
        """Categorical at every position."""
        return make_likelihood("categorical", self.shape, categories=len(self.alphabet))

    def encode_text(self, text: str) -> list[int]:
        """Codes of a string: unknown symbols are left out, the rest is cut or padded to the length."""
        code = {symbol: i for i, symbol in enumerate(self.alphabet)}
        symbols = text.split(self.joiner) if self.joiner else text
        known = [code[symbol] for symbol in symbols if symbol in code][: self.shape[0]]
        return known + [0] * (self.shape[0] - len(known))

    def render(self, value: np.ndarray) -> Rendering:
        """The string."""
        return Rendering("text", self.cells(value)[0])

    def value_names(self, name: str) -> list[str]:
        """One column."""
        return [name]

    def cells(self, value: np.ndarray) -> list[Any]:
        """The string, without the padding at its ends."""
        text = self.joiner.join(self.alphabet[max(int(code), 0)] for code in value.reshape(-1))
        return [text.strip(self.alphabet[0] + " ")]


class ImageModality(_FullyConnected):
    """Images ``[channels, height, width]``, as bytes or in [0, 1]."""

    network: Literal["conv", "mlp"] = Field("conv", description="Convolutions of stride 2, or a multilayer perceptron.")
    channels: tuple[int, ...] = Field((32, 64, 128), description="Channels of the convolutions.", min_length=1)
    likelihood: Literal["laplace", "normal", "bernoulli"] = Field("laplace", description="p(x | z).")
    scale: float = Field(0.75, gt=0, description="Scale of a Laplace or normal likelihood.")
    scale_kind: ScaleKind = Field("fixed", description="Whether that scale is fixed, learned per pixel, or predicted by the decoder.")

    @model_validator(mode="after")
    def _is_an_image(self) -> ImageModality:
        if len(self.shape) != 3 or self.shape[0] not in (1, 3):
            raise ValueError(f"the shape of an image is [channels, height, width] with one or three channels, not {list(self.shape)}")
        return self

    def trunk(self) -> nn.Module:
        """The chosen network."""
        return ConvTrunk(self.shape, self.channels) if self.network == "conv" else super().trunk()

    def decoder(self, latent_dim: int) -> nn.Module:
        """The chosen network."""
        if self.network == "mlp":
            return super().decoder(latent_dim)
        outputs = self.make_likelihood().outputs
        network = ConvDecoder(latent_dim, (outputs * self.shape[0], *self.shape[1:]), self.channels)
        return nn.Sequential(network, nn.Unflatten(1, (outputs, self.shape[0])))

    def classifier_trunk(self) -> nn.Module:
        """Three convolutions."""
        return ConvTrunk(self.shape, (32, 64, 128))

    def make_likelihood(self) -> Likelihood:
        """Laplace, normal or Bernoulli."""
        options: dict[str, Any] = {} if self.likelihood == "bernoulli" else {"scale": self.scale, "scale_kind": self.scale_kind}
        return make_likelihood(self.likelihood, self.shape, **options)

    def transform(self) -> Transform:
        """Bytes to [0, 1]."""
        return Pixels()

    def guess(self, values: Tensor) -> Tensor:
        """The mean of the pixels in [0, 1]."""
        return Pixels()(values).mean(0)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean squared difference of pixels in [0, 1]."""
        return super().distance(Pixels()(x), Pixels()(y))

    def render(self, value: np.ndarray) -> Rendering:
        """The picture."""
        pixels = np.moveaxis(value / 255 if value.dtype == np.uint8 else value, 0, -1)
        return Rendering("picture", np.clip(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, 0, 1))
