"""The interface of an aggregator: one posterior out of the given experts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from jaxtyping import Bool
from torch import Tensor, nn

from ..distributions import Gaussian, Mixture
from ..options import Options
from .interface import Model


class AggregatorConfig(Options):
    """Base of an aggregator's options; every field has a description and can be set as ``aggregator.<field>``."""


class Aggregator(nn.Module, ABC):
    """``(experts, given) -> posterior``: a mixture of C Gaussians (or others, from a flow) ``[..., C, B, D]``.

    ``experts`` are ``[M, B, D]`` and ``given`` is ``Bool[..., B, M]``, with any leading dimensions (subsets) at once. A
    row for which nothing is given gets N(0, I).

    Attributes:
        shared: Whether all modalities are decoded from one shared latent. False: each modality has its own, and a
            modality that is given is decoded from its own expert.
        mixes: Whether training samples from a mixture of several; without one, options of its sampling are refused.
            One that is made of another takes this from it, in its constructor.
    """

    Config: ClassVar[type[AggregatorConfig]] = AggregatorConfig
    shared: ClassVar[bool] = True
    mixes: bool = True

    def __init__(self, config: AggregatorConfig | None = None) -> None:
        super().__init__()
        self.config: Any = self.Config() if config is None else config

    def build(self, model: Model) -> None:
        """Make networks or parameters of its own; called once, when the model's networks exist."""

    @abstractmethod
    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The posterior that training samples from."""

    def infer(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The posterior of the subset ``given`` after training, where it differs from the one that training samples
        from.
        """
        return self(experts, given)
