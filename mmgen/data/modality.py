"""The interface of a modality: one kind of measurement, its likelihood and its networks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ..distributions import Likelihood
from ..networks import Encoder, Spread
from ..options import Options
from .rendering import Rendering
from .transforms import Transform


class Modality(Options, ABC):
    """One kind of measurement of an object: data ``[N, *shape]``, p(x | z), and the networks for it.

    A frozen pydantic model: every field can be set as ``modalities.<name>.<field>``.
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns")  # the fields that say what stored values mean
    takes_missing_cells: ClassVar[bool] = False  # whether single cells of a value may be missing
    has_cells: ClassVar[bool] = True  # whether its values have a place in a flat table, which a picture has not
    file_endings: ClassVar[tuple[str, ...]] = ()  # such as (".nii",): cells of one's own table may be paths, and
    # :meth:`read_file` reads them

    shape: tuple[int, ...] = Field(description="Shape of one value, without the rows.", min_length=1)
    weight: float = Field(1.0, ge=0, description="Of its log-likelihood, where model.likelihood_weights=official.")
    spread: Spread = Field(
        "log-variance", description="What the encoder's second output is: log σ², or log σ (then σ = exp(s) + 1e-6)."
    )
    columns: tuple[str, ...] = Field(
        (), description="Names of the values, for tables; made up from the modality's name where there are none."
    )
    missing: Literal["modality", "cell"] = Field(
        "modality", description="What an empty cell makes missing: the whole modality in that row, or only itself."
    )

    @model_validator(mode="after")
    def _check_missing(self) -> Modality:
        if self.missing == "cell" and not self.takes_missing_cells:
            raise ValueError(
                "missing: cell is for vectors, counts, tags and mixed columns, whose values are judged cell by cell; "
                "of this kind an empty cell makes the whole modality missing in its row, so leave it out"
            )
        return self

    @classmethod
    def read_file(cls, path: Path) -> np.ndarray:
        """What a file of one of the ``file_endings`` holds, which :meth:`arranged` makes a value of.

        Raises:
            Exception: Whatever its reader raises; the sentence that is shown names the file and its row.
        """
        raise NotImplementedError(f"{cls.__name__} has file_endings, and no read_file")

    @classmethod
    def arranged(cls, values: np.ndarray, fields: Mapping[str, Any]) -> np.ndarray:
        """Arrays of one's own, or what :meth:`read_file` gave, ``[N, …]``, as values ``[N, *shape]``.

        Args:
            values: Numbers.
            fields: What the options say of the modality, not yet checked; a run's own ``shape`` where one reads.

        Raises:
            DataError: The end of a sentence that begins with the option and the array or the file.
        """
        return values

    @property
    def dimension(self) -> int:
        """The dimensions that a likelihood weight per dimension counts: values of a vector, symbols of a text."""
        return math.prod(self.shape)

    @abstractmethod
    def trunk(self, latent_dim: int) -> nn.Module:
        """A new network from prepared data ``[N, *shape]`` to features ``[N, F]``; its attribute ``features`` is F."""

    @abstractmethod
    def decoder(self, latent_dim: int) -> nn.Module:
        """A new network from latents ``[N, D]`` to likelihood parameters ``[N, outputs, *shape]``."""

    @abstractmethod
    def make_likelihood(self) -> Likelihood:
        """A new p(x | decoder output)."""

    @abstractmethod
    def classifier_trunk(self) -> nn.Module:
        """A new network from prepared data to features, for the classifiers that judge generated values."""

    @abstractmethod
    def render(self, value: np.ndarray) -> Rendering:
        """One value ``[*shape]`` in data units, for people."""

    def encoder(self, latent_dim: int, told: int = 0) -> Encoder:
        """A new q(z | x), or q(z | x, c) of covariates c as ``told`` numbers."""
        return Encoder(self.trunk(latent_dim), latent_dim, self.spread, told)

    def tie(self, trunk: nn.Module, decoder: nn.Module) -> None:
        """Let the trunk of an encoder of this modality and its decoder in the same model share weights.

        It is called once, after both were made.
        """

    def make_transform(self) -> Transform:
        """The (unfitted) change from data units to what the networks see, and back."""
        return Transform()

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """How far two values ``[N, *shape]`` in data units are apart: ``[N]``.

        The mean squared difference, unless a kind says otherwise.
        """
        return (x.float() - y.float()).square().flatten(1).mean(-1)

    def guess(self, values: Tensor) -> Tensor:
        """What one would guess knowing only these values ``[N, *shape]``.

        Their mean ``[*shape]``, unless a kind says otherwise.
        """
        return values.double().mean(0).float()

    def usual(self, values: Tensor, observed: Tensor) -> Tensor:
        """What an encoder sees where a cell is empty, ``[*shape]``, from prepared training values ``[N, *shape]``.

        The mean of the ``observed`` cells, unless a kind says otherwise.
        """
        seen = torch.where(observed, values, 0).double().sum(0) / observed.sum(0).clamp(min=1)
        return seen.to(values.dtype)

    def value_names(self, name: str) -> list[str]:
        """Column names for the values of this modality, called ``name``, in a flat table."""
        size = int(np.prod(self.shape))
        return (
            list(self.columns)
            if len(self.columns) == size
            else [name]
            if size == 1
            else [f"{name}_{i}" for i in range(size)]
        )

    def in_source_units(self, values: np.ndarray) -> np.ndarray:
        """Stored values ``[…, *shape]`` as their source has them: the same, unless a kind stores others."""
        return values

    def cells(self, value: np.ndarray) -> list[Any]:
        """One value as the cells of a flat table, in the order of :meth:`value_names`.

        Numbers have the seven digits that float32 has.
        """
        return [float(f"{cell:.7g}") if isinstance(cell, float) else cell for cell in value.reshape(-1).tolist()]
