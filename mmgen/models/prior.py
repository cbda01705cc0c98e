"""The interface of a prior: what posteriors are pulled towards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from jaxtyping import Bool
from torch import Tensor, nn

from ..distributions import Gaussian, Reference
from ..options import Options
from .interface import Model


class PriorConfig(Options):
    """Base of a prior's options; every field has a description and can be set as ``prior.<field>``."""


class Prior(nn.Module, ABC):
    """``(experts, given) -> distribution`` over z: a Gaussian ``[B, D]`` or a mixture ``[C, B, D]``; it may depend on
    the data.

    Attributes:
        dynamic: Whether it depends on the data of the row; then models can generate from it only given something, and
            fall back on N(0, I).
    """

    Config: ClassVar[type[PriorConfig]] = PriorConfig
    dynamic: ClassVar[bool] = False

    def __init__(self, config: PriorConfig | None = None) -> None:
        super().__init__()
        self.config: Any = self.Config() if config is None else config

    def build(self, model: Model) -> None:
        """Make networks or parameters of its own; called once, when the model's networks exist."""

    @abstractmethod
    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """The prior of each row, from its experts ``[M, B, D]`` and what is given to it."""
