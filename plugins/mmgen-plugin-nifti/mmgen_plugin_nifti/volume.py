"""Volumes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt, ValidationError, model_validator
from torch import nn

from mmgen import DataError, Rendering
from mmgen.data import LikelihoodChoice, side_by_side
from mmgen.data.modalities.fully_connected import LIKELIHOOD, FullyConnected
from mmgen.data.transforms import Pixels, Transform
from mmgen.distributions.likelihoods import Support
from mmgen.networks import ConvDecoder, ConvTrunk
from mmgen.options import Unless

from .classifier import VolumeClassifierTrunk
from .files import read_volume
from .scaling import ChannelStandardise, block_means, standardised_each

OWN_CHANNELS = (16, 32, 64, 128)
MOST_PANELS = 9


class VolumeModality(FullyConnected):
    """Volumes ``[channels, depth, height, width]``: scans and stacks of slices, with three-dimensional convolutions.

    Networks see intensities that are standardised with training statistics, one pair for each channel; or, with
    ``value_range``, from 0 to 1; or each volume standardised by itself. Cells of a table may be paths of NIfTI files.

    >>> import torch
    >>> from mmgen_plugin_nifti import VolumeModality
    >>> scan = VolumeModality(shape=(1, 8, 9, 7), channels=(4, 8))
    >>> scan.decoder(latent_dim=3)(torch.zeros(2, 3)).shape  # [N, outputs, channels, depth, height, width]
    torch.Size([2, 1, 1, 8, 9, 7])
    """

    only_with = {
        "hidden": {"network": ("mlp",)},
        "decoder_hidden": {"network": ("mlp",)},
        "activation": {"network": ("mlp",)},
        "dropout": {"network": ("mlp",)},
        "channels": {"network": Unless("mlp")},
        "display": {},
    }
    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "value_range", "normalise", "fill")
    has_cells: ClassVar[bool] = False
    file_endings: ClassVar[tuple[str, ...]] = (".nii", ".nii.gz")
    supports: ClassVar[tuple[Support, ...]] = ("real", "binary")
    likelihood_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "laplace": {"scale": 0.75},
        "normal": {"scale": 0.75},
    }

    likelihood: LikelihoodChoice = Field("laplace", description=LIKELIHOOD, validate_default=True)
    network: Literal["conv", "mlp"] = Field(
        "conv", description="3×3×3 convolutions of stride 2, or a multilayer perceptron of all voxels."
    )
    channels: tuple[PositiveInt, ...] | None = Field(
        None,
        description="Channels of the convolutions, one entry per stage; none: 16, 32, 64 and 128, as far as the size "
        "of the volumes takes them.",
        min_length=1,
    )
    value_range: tuple[float, float] | None = Field(
        None,
        description="The intensities that are 0 and 1 for the networks, such as a window of [-1000, 1000] Hounsfield "
        "units; what lies beyond becomes its ends. None: intensities are standardised.",
    )
    normalise: Literal["training", "volume"] = Field(
        "training",
        description="Without value_range: standardise by the mean and deviation of all training volumes, or every "
        "volume by its own when it is read (generated ones then have no unit).",
    )
    fill: float | None = Field(
        None,
        description="What stands for voxels that are NaN, such as 0 for those outside of a mask; none: a volume with "
        "such voxels is missing.",
    )

    @model_validator(mode="after")
    def _check_volume(self) -> VolumeModality:
        if len(self.shape) != 4 or min(self.shape) < 1:
            raise ValueError(f"the shape of a volume is [channels, depth, height, width], not {list(self.shape)}")
        if self.value_range is not None and not (-math.inf < self.value_range[0] < self.value_range[1] < math.inf):
            raise ValueError(f"value_range is two numbers of which the second is larger, not {list(self.value_range)}")
        if self.value_range is not None and self.normalise == "volume":
            raise ValueError("volumes have a value_range, or are normalised one by one; leave one of the two out")
        if self.support == "binary" and self.value_range is None:
            raise ValueError(
                f"the likelihood {self.likelihood.name} is of values from 0 to 1; say value_range, such as [0, 1]"
            )
        largest = max(self.shape[1:]).bit_length() + 1
        if self.network == "conv" and len(self._channels) > largest:
            size = "×".join(map(str, self.shape[1:]))
            raise ValueError(f"volumes of {size} voxels take at most {largest} channels, not {len(self._channels)}")
        return self

    @property
    def _channels(self) -> tuple[int, ...]:
        if self.channels is not None:
            return self.channels
        return OWN_CHANNELS[: max(self.shape[1:]).bit_length() + 1]

    @classmethod
    def read_file(cls, path: Path) -> np.ndarray:
        """A NIfTI file, as slices are looked at."""
        return read_volume(path)

    @classmethod
    def arranged(cls, values: np.ndarray, fields: Mapping[str, Any]) -> np.ndarray:
        """``[N, D, H, W]``, ``[N, C, D, H, W]``, or ``[N, voxels]`` of a given shape; filled, shrunk to a given shape
        by means of blocks, and normalised.
        """
        try:
            settings = cls(**{**fields, "shape": fields.get("shape", (1, 1, 1, 1)), "channels": None})
        except ValidationError:
            # the same fields are checked again with the modality, and the sentence is about them
            return values[:, None] if values.ndim == 4 else values
        stored, shape = list(values.shape[1:]), settings.shape if "shape" in fields else None
        if values.ndim == 2 and shape is not None and math.prod(shape) == values.shape[1]:
            values = values.reshape(len(values), *shape)
        elif values.ndim == 4:
            values = values[:, None]
        if values.ndim != 5:
            raise DataError(
                f"has the shape {stored}, and a volume is [depth, height, width] or [channels, depth, height, width]; "
                "where voxels lie in one line, give shape."
            )
        values = values.astype(np.float32)
        if settings.fill is not None:
            values[np.isnan(values)] = settings.fill
        if shape is not None and values.shape[1:] != shape:
            if shape[0] != values.shape[1] or any(new > old for new, old in zip(shape[1:], values.shape[2:])):
                raise DataError(
                    f"has the shape {stored}, of which means of blocks cannot have the shape {list(shape)}; say one "
                    "with as many channels, and with sides that are as long or shorter."
                )
            values = block_means(values, shape[1:])  # type: ignore[arg-type]
        if settings.value_range is not None:
            values = values.clip(*settings.value_range)
        return standardised_each(values) if settings.normalise == "volume" else values

    def trunk(self, latent_dim: int) -> nn.Module:
        """Convolutions, or a multilayer perceptron."""
        return super().trunk(latent_dim) if self.network == "mlp" else ConvTrunk(self.shape, self._channels)

    def decoder(self, latent_dim: int) -> nn.Module:
        """The trunk mirrored."""
        if self.network == "mlp":
            return super().decoder(latent_dim)
        outputs, (channels, *size) = self.make_likelihood().outputs, self.shape
        network = ConvDecoder(latent_dim, (outputs * channels, *size), self._channels)
        return nn.Sequential(network, nn.Unflatten(1, (outputs, channels)))

    def classifier_trunk(self) -> nn.Module:
        """Convolutions, and a hidden layer between dropouts."""
        return VolumeClassifierTrunk(self.shape)

    @property
    def value_supports(self) -> tuple[Support, ...]:
        """None that tell likelihoods apart: intensities are scaled for any of them."""
        return ()

    def make_transform(self) -> Transform:
        """To [0, 1] by ``value_range``, or standardisation; nothing where each volume was standardised in reading."""
        if self.value_range is not None:
            return Pixels(self.value_range)
        return Transform() if self.normalise == "volume" else ChannelStandardise(self.shape[0])

    def render(self, value: np.ndarray) -> Rendering:
        """The three slices through the middle, or, of several channels, the middle slice of each (at most nine).

        They are grey between the ends of ``value_range``, or of the volume itself.
        """
        dark, bright = self.value_range or (float(value.min()), float(value.max()))
        grey = np.clip((value.astype(np.float64) - dark) / max(bright - dark, 1e-12), 0, 1)
        depth, height, width = (side // 2 for side in self.shape[1:])
        if len(grey) > 1:
            return Rendering("picture", side_by_side([channel[depth] for channel in grey[:MOST_PANELS]]))
        return Rendering("picture", side_by_side([grey[0, depth], grey[0, :, height], grey[0, :, :, width]]))
