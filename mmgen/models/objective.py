"""The interface of an objective: what is maximised, and how a trained model infers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ..data.batch import Batch
from ..distributions import Gaussian, Mixture
from ..errors import MmgenError, listed
from .aggregator import Aggregator
from .prior import Prior

if TYPE_CHECKING:
    from .model import MultimodalVAE


class ObjectiveConfig(BaseModel):
    """Base of an objective's options; every field has a description and can be set as ``objective.<field>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Terms:
    """The terms of an objective for each row: Σ_m log_likelihood − β · divergence + Σ others is maximised.

    Attributes:
        log_likelihood: ``[M, B]``: each modality's (weighted) reconstruction term, 0 where it is missing.
        divergence: ``[B]``: everything that β multiplies.
        others: Further terms ``[B]`` by name, each added as it is.
    """

    log_likelihood: Float[Tensor, "M B"]
    divergence: Float[Tensor, " B"]
    others: Mapping[str, Float[Tensor, " B"]] = field(default_factory=dict)

    def value(self, beta: float) -> Float[Tensor, " B"]:
        """What is maximised, per row."""
        return self.log_likelihood.sum(0) - beta * self.divergence + sum(self.others.values())


class Objective(nn.Module, ABC):
    """An equation, its options, and the test-time posterior that goes with it.

    Attributes:
        aggregator: Name of the default aggregator.
        prior: Name of the default prior.
        component_defaults: Options of the aggregator or prior that differ from their own defaults here, such as ``{"aggregator": {"prior_expert": "none"}}``.
        aggregators: Names of the aggregators that the equation can mean; None: any.
        priors: The same for priors.
        bound: Of which log-evidence the objective is a lower bound at β = 1 and weights 1: ``joint`` (log p(X)), ``own`` (Σ_m log p(x_m)), or None.
        supports_missing: Whether rows that lack modalities can be trained on, exactly as if these did not exist.
        needs_labels: Whether training needs labels.
        unimodal: Whether the model has an encoder for every modality; otherwise these are N(0, I) whatever they see, and cost nothing.
        staged: Names of the options that may change while a model trains, from one stage to the next: ``terms`` reads them anew each time.
        defaults: Of the run configuration, such as ``{"model": {"beta": 0.1}}``.
    """

    Config: ClassVar[type[ObjectiveConfig]] = ObjectiveConfig
    aggregator: ClassVar[str] = "poe"
    prior: ClassVar[str] = "normal"
    component_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    aggregators: ClassVar[tuple[str, ...] | None] = None
    priors: ClassVar[tuple[str, ...] | None] = None
    bound: ClassVar[Literal["joint", "own"] | None] = None
    supports_missing: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = False
    unimodal: ClassVar[bool] = True
    staged: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Any, aggregate: Aggregator, prior_for: Prior) -> None:
        super().__init__()
        self.config = config
        self.aggregate = aggregate
        self.prior_for = prior_for
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))  # optimiser steps so far, for schedules

    step: Tensor

    def build(self, model: MultimodalVAE) -> None:
        """Make networks of its own; called once, when the model's networks exist."""

    @abstractmethod
    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """The terms of the equation for each row of a prepared batch."""

    def posterior(self, model: MultimodalVAE, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """q(z | x_S) of a trained model for the subsets ``given`` (already only what is available): ``[..., C, B, D]``.

        ``experts`` are ``model.experts(batch)``, computed once for all subsets.
        """
        return self.aggregate.infer(experts, given)

    def infers(self, model: MultimodalVAE, given: Sequence[str]) -> bool:
        """Whether the equation says what z is given these modalities, by name; given nothing: whether there is a prior to draw it from.

        Evaluations leave out the subsets for which it does not, and people who ask for them are told.
        """
        return True

    @classmethod
    def check_components(cls, name: str, aggregator: str, prior: str) -> None:
        """Refuse an aggregator or prior that this equation cannot mean."""
        for kind, chosen, possible in (("aggregator", aggregator, cls.aggregators), ("prior", prior, cls.priors)):
            if possible is not None and chosen.rpartition(":")[2] not in possible:
                raise MmgenError(f"The objective {name!r} cannot use the {kind} {chosen!r}; it can use {listed(possible)}.")
