"""Images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from ...distributions.likelihoods import Support
from ...networks import (
    Conv4Decoder,
    Conv4Trunk,
    ConvDecoder,
    ConvTrunk,
    ImageClassifierTrunk,
    NormalisedImageDecoder,
    NormalisedImageTrunk,
    ResNetDecoder,
    ResNetTrunk,
    SigmoidLocation,
    most_halves,
)
from ...options import Unless
from ..likelihood_choice import LikelihoodChoice
from ..rendering import Rendering, side_by_side
from ..transforms import Pixels, Transform
from .fully_connected import LIKELIHOOD, FullyConnected

OWN_CHANNELS: dict[str, tuple[int, ...]] = {
    "mlp": (),
    "conv": (32, 64, 128),
    "conv4": (32, 64, 64, 128),
    "resnet": (64, 128, 256),
    "resnet-bn": (128, 256, 384, 512, 640),
}


class ImageModality(FullyConnected):
    """Images ``[channels, height, width]``, as bytes, in [0, 1], or in the units that ``value_range`` names.

    There may be any number of channels. The networks are those of the papers, for images of any size; the scale of a
    Laplace or normal likelihood is theirs too, 0.75, unless it is set. With ``resnet-bn`` a row's terms depend
    on the rest of its batch in training (on the rows that have the image), because batch normalisation does; in
    evaluation they do not.

    >>> import torch
    >>> from mmgen import ImageModality
    >>> scan = ImageModality(shape=(1, 16, 16), channels=(8, 16))
    >>> scan.decoder(latent_dim=4)(torch.zeros(2, 4)).shape  # [N, outputs, channels, height, width]
    torch.Size([2, 1, 1, 16, 16])
    """

    only_with = {
        "hidden": {"network": ("mlp",)},
        "decoder_hidden": {"network": ("mlp",)},
        "activation": {"network": ("mlp",)},
        "channels": {"network": Unless("mlp")},
        "bottleneck": {"network": ("conv",)},
        "activated": {"network": ("resnet",)},
        "residual": {"network": ("resnet-bn",)},
        "dropout": {"network": ("resnet-bn", "mlp")},
        "display": {},
    }

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "value_range")
    has_cells: ClassVar[bool] = False
    supports: ClassVar[tuple[Support, ...]] = ("real", "binary")  # of pixels between 0 and 1 Bernoulli is cross-entropy
    likelihood_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "laplace": {"scale": 0.75},
        "normal": {"scale": 0.75},
    }

    likelihood: LikelihoodChoice = Field("laplace", description=LIKELIHOOD, validate_default=True)
    network: Literal["conv", "conv4", "resnet", "resnet-bn", "mlp"] = Field(
        "conv",
        description="3×3 convolutions of stride 2 (PolyMNIST), 4×4 ones down to one pixel (SVHN), residual blocks "
        "(Translated-PolyMNIST, CUB), residual blocks with batch normalisation (CelebA), or a multilayer perceptron "
        "(MNIST).",
    )
    channels: tuple[PositiveInt, ...] | None = Field(
        None,
        description="Channels of the convolutions, one entry per stage; none: the network's own, as published, as "
        "far as the size of the images takes them.",
        min_length=1,
    )
    bottleneck: bool = Field(
        False,
        description="With conv: whether the encoder narrows to as many features as the latent space has dimensions "
        "(PolyMNIST).",
    )
    activated: bool = Field(
        False, description="With resnet: whether an activation stands before the encoder's heads (CUB)."
    )
    residual: tuple[float, float] = Field(
        (2.0, 0.3), description="With resnet-bn: (a, b) in a · shortcut + b · branch of its blocks."
    )
    dropout: float | None = Field(  # type: ignore[assignment]
        None,
        ge=0,
        lt=1,
        description="With resnet-bn and mlp: share of units left out in training; none: 0.5 and 0, as published.",
    )
    output: Literal["linear", "sigmoid"] = Field(
        "linear", description="What the decoder's locations go through at its end."
    )
    value_range: tuple[float, float] | None = Field(
        None,
        description="The pixel values that are black and white, such as [0, 4095], which are 0 and 1 for the networks; "
        "generated images are in the same units. None: 0 and 255 for bytes, 0 and 1 for other numbers and for what is "
        "generated; a table of one's own finds it in its values.",
    )

    @model_validator(mode="after")
    def _check_image(self) -> ImageModality:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"the shape of an image is [channels, height, width], not {list(self.shape)}")
        if self.value_range is not None and not (-math.inf < self.value_range[0] < self.value_range[1] < math.inf):
            limits = list(self.value_range)
            raise ValueError(f"value_range is [black, white], two numbers of which the second is larger, not {limits}")
        if self.output == "sigmoid" and self.support != "real":
            raise ValueError(
                f"the likelihood {self.likelihood.name} has a sigmoid of its own and takes logits; set output to linear"
            )
        fewest, largest = self._stages()
        stages = len(self._channels)
        if self.network != "mlp" and not fewest <= stages <= largest:
            size = "×".join(map(str, self.shape[1:]))
            raise ValueError(
                f"network {self.network} takes {fewest} to {largest} channels for images of {size} pixels, not {stages}"
            )
        return self

    def _stages(self) -> tuple[int, int]:
        """The fewest and the most channels that the network may have for images of this size."""
        size = self.shape[1:]
        if self.network == "conv4":
            return 1, most_halves(size) + 1
        if self.network == "resnet-bn":
            return 2, most_halves([(side + 1) // 2 for side in size]) + 2
        return 1, max(size).bit_length() + 1  # a side of one pixel is not halved any more

    @property
    def _channels(self) -> tuple[int, ...]:
        """Those that were set, else the network's own, as many as images of this size take."""
        if self.channels is not None:
            return self.channels
        return OWN_CHANNELS[self.network][: max(self._stages())]

    @property
    def _dropout(self) -> float:
        """The share of units that is left out: as published, unless it was set."""
        return self.dropout if self.dropout is not None else 0.5 if self.network == "resnet-bn" else 0.0

    def trunk(self, latent_dim: int) -> nn.Module:
        """The chosen network."""
        if self.network == "conv":
            return ConvTrunk(self.shape, self._channels, latent_dim if self.bottleneck else None)
        if self.network == "conv4":
            return Conv4Trunk(self.shape, self._channels)
        if self.network == "resnet":
            return ResNetTrunk(self.shape, self._channels, self.activated)
        if self.network == "resnet-bn":
            return NormalisedImageTrunk(self.shape, self._channels, self.residual, self._dropout)
        return super().trunk(latent_dim)

    def decoder(self, latent_dim: int) -> nn.Module:
        """The chosen network."""
        outputs = self.make_likelihood().outputs
        shape = (outputs * self.shape[0], *self.shape[1:])
        if self.network == "mlp":
            network = super().decoder(latent_dim)
        elif self.network == "conv":
            network = ConvDecoder(latent_dim, shape, self._channels)
        elif self.network == "conv4":
            network = Conv4Decoder(latent_dim, shape, self._channels)
        elif self.network == "resnet":
            network = ResNetDecoder(latent_dim, shape, self._channels)
        else:
            network = NormalisedImageDecoder(latent_dim, shape, self._channels, self.residual, self._dropout)
        layers = [network] if self.network == "mlp" else [network, nn.Unflatten(1, (outputs, self.shape[0]))]
        return nn.Sequential(*layers, SigmoidLocation()) if self.output == "sigmoid" else nn.Sequential(*layers)

    def classifier_trunk(self) -> nn.Module:
        """Stages of two convolutions with batch normalisation, and a hidden layer between dropouts."""
        return ImageClassifierTrunk(self.shape)

    @property
    def value_supports(self) -> tuple[Support, ...]:
        """None that tell likelihoods apart: pixels are scaled to [0, 1] for any of them."""
        return ()

    def make_transform(self) -> Transform:
        """To [0, 1]."""
        return Pixels(self.value_range)

    def guess(self, values: Tensor) -> Tensor:
        """The mean of the pixels."""
        pixels = Pixels(self.value_range)
        return pixels.inverse(pixels(values).mean(0))

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean squared difference of pixels in [0, 1]."""
        pixels = Pixels(self.value_range)
        return super().distance(pixels(x), pixels(y))

    def render(self, value: np.ndarray) -> Rendering:
        """The picture in grey or in colours; of other channels than one or three each is in grey."""
        black, white = self.value_range or ((0, 255) if value.dtype == np.uint8 else (0, 1))
        pixels = np.clip((value - black) / (white - black), 0, 1)
        return Rendering("picture", np.moveaxis(pixels, 0, -1) if len(pixels) == 3 else side_by_side(list(pixels)))
