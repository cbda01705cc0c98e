"""The interface of an objective: what is maximised, and how a trained model infers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..data.batch import Batch
from ..distributions import Gaussian, Mixture
from ..errors import MmgenError, listed
from ..options import Options
from .aggregator import Aggregator
from .prior import Prior
from .terms import Terms

if TYPE_CHECKING:
    from ..data import Modality, Table
    from .model import MultimodalVAE


class ObjectiveConfig(Options):
    """Base of an objective's options; every field has a description and can be set as ``objective.<field>``."""


class Objective(nn.Module, ABC):
    """An equation, its options, and the test-time posterior that goes with it.

    Attributes:
        aggregator: Name of the default aggregator.
        prior: Name of the default prior.
        component_defaults: Options of the aggregator or prior that differ from their own defaults here, such as
            ``{"aggregator": {"prior_expert": "none"}}``.
        aggregators: Names of the aggregators that the equation can mean; None: any.
        priors: The same for priors.
        bound: Of which log-evidence the objective is a lower bound at β = 1 and weights 1: ``joint`` (log p(X)),
            ``own`` (Σ_m log p(x_m)), or None.
        supports_missing: Whether rows that lack modalities can be trained on, exactly as if these did not exist.
        needs_labels: Whether training needs labels, of some training rows at least.
        most_modalities: The largest number of modalities that the equation has a meaning for; None: any.
        whole_batch: Whether a row's terms depend on the other rows of its batch, as correlations do; batches then stay
            in one piece, on one process.
        decodes_mean: Whether a trained model decodes the mean of its posterior; otherwise a draw from it.
        staged: Names of the options that may change while a model trains, from one stage to the next: ``terms`` reads
            them anew each time.
        of_mixtures: Names of the options that say how a mixture is sampled; refused where the aggregator gives none.
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
    most_modalities: ClassVar[int | None] = None
    whole_batch: ClassVar[bool] = False
    decodes_mean: ClassVar[bool] = False
    staged: ClassVar[tuple[str, ...]] = ()
    of_mixtures: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Any, aggregate: Aggregator, prior_for: Prior) -> None:
        super().__init__()
        self.config = config
        self.aggregate = aggregate
        self.prior_for = prior_for
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))  # optimiser steps so far, for schedules

    step: Tensor

    def encodes(self, modalities: Mapping[str, Modality]) -> Collection[str]:
        """The modalities with an encoder of their own; the experts of the others are N(0, I) whatever they see, and
        cost nothing.
        """
        return tuple(modalities)

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """The modalities that the model can generate, each with how many numbers its decoder takes; the others have
        none.
        """
        return dict.fromkeys(modalities, latent_dim)

    def build(self, model: MultimodalVAE) -> None:
        """Make networks of its own; called once, when the model's networks exist. Raises MmgenError for options that do
        not fit the modalities or labels.
        """

    def solve(self, model: MultimodalVAE, train: Table) -> None:
        """What is found in closed form from the training rows, after the last optimiser step (or in place of them all,
        where no parameter learns).

        Called without gradients and in evaluation mode; results belong into buffers.
        """

    @abstractmethod
    def terms(self, model: MultimodalVAE, batch: Batch) -> Terms:
        """The terms of the equation for each row of a prepared batch."""

    def posterior(
        self, model: MultimodalVAE, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]
    ) -> Mixture:
        """q(z | x_S) of a trained model for the subsets ``given`` (already only what is available): ``[..., C, B, D]``.

        ``experts`` are ``model.experts(batch)``, computed once for all subsets.
        """
        return self.aggregate.infer(experts, given)

    def infers(self, model: MultimodalVAE, given: Sequence[str]) -> bool:
        """Whether the equation says what z is given these modalities, by name; given nothing: whether there is a prior
        to draw it from.

        Evaluations leave out the subsets for which it does not, and people who ask for them are told.
        """
        return True

    def decoder_input(
        self,
        model: MultimodalVAE,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> Float[Tensor, "*lead B _"]:
        """What the decoder of a modality takes for latents z ~ q(z | x_S) of a trained model: themselves, unless
        :meth:`decodes` says that it takes more.

        ``batch`` is prepared and ``given`` are the subsets; both are None where z is from the prior.
        """
        return z

    def classify(self, model: MultimodalVAE, batch: Batch) -> Mapping[str, Float[Tensor, "B _"]]:
        """The model's own answers: label to logits, of its classes or of each of several yes/no answers; none unless
        the objective has a classifier.

        ``batch`` is prepared; labels in it are not looked at.
        """
        return {}

    def gaussians(self, model: MultimodalVAE, batch: Batch) -> Mapping[str, Gaussian]:
        """Distributions of z ``[B, D]`` that the equation has for each row, by how they are written; those of single
        modalities and of all, where they are Gaussian.

        ``batch`` is prepared, and has every modality. A collapsed posterior is one of these that is N(0, I) for almost
        every row.
        """
        names = list(model.modalities)
        subsets = [*((name,) for name in names), *([tuple(names)] if len(names) > 1 else [])]
        subsets = [subset for subset in subsets if self.infers(model, subset)]
        experts = model.experts(batch)
        found = {}
        for subset in subsets:
            posterior = self.posterior(model, batch, experts, model.mask(batch, subset))
            certain = (
                (posterior.log_weights == 0).all(-1).nonzero()
            )  # a mixture of one modality's expert alone is that expert
            if len(certain) and isinstance(one := posterior.components[certain[0, 0]], Gaussian):
                found[f"q(z|{','.join(subset)})"] = one
        return found

    @classmethod
    def check_components(cls, name: str, aggregator: str, prior: str) -> None:
        """Refuse an aggregator or prior that this equation cannot mean."""
        for kind, chosen, possible in (("aggregator", aggregator, cls.aggregators), ("prior", prior, cls.priors)):
            if possible is not None and chosen.rpartition(":")[2] not in possible:
                raise MmgenError(
                    f"The objective {name!r} cannot use the {kind} {chosen!r}; it can use {listed(possible)}."
                )
