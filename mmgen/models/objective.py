"""The interface of an objective: what is maximised, and how a trained model infers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..data import Batch, Modality, Table
from ..distributions import Component, Gaussian, Mixture, Posterior, standard_normal
from ..errors import MmgenError
from .aggregator import Aggregator
from .declarations import Declarations
from .decoder_input import DecoderInput
from .interface import Model
from .prior import Prior
from .terms import Terms


class Objective(Declarations, nn.Module, ABC):
    """An equation, its options, and the test-time posterior that goes with it.

    Attributes:
        aggregate: The aggregator; None in an objective that declares none.
        prior_for: The prior; None in an objective that declares none.
        step: Optimiser steps so far, for schedules.
        adversary: A network that learns against all else, made by :meth:`build`, or None: see :meth:`adversary_terms`.
    """

    aggregate: Aggregator
    prior_for: Prior
    step: Tensor

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        if cls.aggregator is None and cls.posterior is Objective.posterior:
            raise MmgenError(f"{cls.__name__} declares no aggregator; define its posterior, or declare one.")

    def __init__(self, config: Any, aggregate: Aggregator | None, prior_for: Prior | None) -> None:
        super().__init__()
        self.config = config
        self.aggregate = cast(Aggregator, aggregate)
        self.prior_for = cast(Prior, prior_for)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.adversary: nn.Module | None = None

    @property
    def shared(self) -> bool:
        """Whether all modalities are decoded from one latent; otherwise each keeps its own."""
        return self.aggregator is None or self.aggregate.shared

    @property
    def dynamic_prior(self) -> bool:
        """Whether there is a prior, and it depends on the data of a row."""
        return self.prior is not None and self.prior_for.dynamic

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """The modalities with an encoder of their own, each with the dimensions of its latent.

        The experts of the others are N(0, I), and cost nothing; so are the dimensions that a smaller latent lacks.
        Where some latents have more dimensions than z, as below a hierarchy, experts are as wide as the widest.
        """
        return dict.fromkeys(modalities, latent_dim)

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """The modalities that the model can generate, each with how many numbers :meth:`decoder_input` gives its
        decoder.
        """
        return dict.fromkeys(modalities, latent_dim)

    def build(self, model: Model) -> None:
        """Make the objective's networks; called once, when the model's networks exist.

        Raises:
            MmgenError: Options that do not fit the modalities or labels.
        """

    def solve(self, model: Model, train: Table) -> None:
        """Find what has a closed form, from the training rows, after the last optimiser step (or in place of them all).

        Called without gradients and in evaluation mode; results belong into buffers.
        """

    @abstractmethod
    def terms(self, model: Model, batch: Batch) -> Terms:
        """The terms of the equation for each row of a prepared batch."""

    def adversary_terms(self, model: Model, batch: Batch) -> Float[Tensor, " B"]:
        """What the adversary maximises for each row of a prepared batch, in turn with :meth:`terms`.

        In every step all else is moved first, by ``terms``, while the adversary is fixed; then the adversary alone, by
        these of the same batch, while all else is fixed.
        """
        raise NotImplementedError(f"{type(self).__name__} has an adversary, and no adversary_terms")

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Posterior:
        """q(z | x_S) of a trained model for the subsets ``given`` (already only what is available), ``[..., B, D]``: a
        mixture of ``[..., C, B, D]``, or any other posterior.

        ``batch`` is prepared; ``experts`` are ``model.experts(batch)``, computed once for all subsets.
        """
        return self.aggregate.infer(experts, given)

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """Whether the equation says what z is given these modalities; given nothing: whether there is a prior of z, or
        :meth:`drawn_prior` in its place.

        Evaluations leave out the subsets for which it does not, and people who ask for them are told.
        """
        return bool(given) or self.prior is not None or type(self).drawn_prior is not Objective.drawn_prior

    def drawn_prior(self, model: Model, like: Float[Tensor, "B D"]) -> Posterior | None:
        """p(z) with the shape of ``like``, of an objective that declares no prior: what z is drawn from where nothing
        is given. It may be one that can only be drawn from, as a diffusion. None: nothing is.
        """
        return None

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> Float[Tensor, "*lead B _"] | DecoderInput:
        """What the decoder of a modality takes for latents z ~ q(z | x_S): z, unless an objective says otherwise.

        It is asked for every target, whenever a trained model decodes: levels of a hierarchy that are drawn given z, or
        what the decoder is told besides, belong here, side by side. What is drawn from anything but p(· | z) comes with
        its log-ratio (:class:`mmgen.models.DecoderInput`), over which log-likelihoods then integrate.

        ``batch`` is prepared and ``given`` are the subsets; both are None where z is from the prior.
        """
        return z

    def private_posterior(self, model: Model, head: Gaussian, target: str) -> Component:
        """q(w_m | x_m) of a modality's private latents, from what its encoder's head gives: the same ``[..., P]``,
        unless an objective says otherwise.
        """
        return head

    def private_prior(self, model: Model, like: Float[Tensor, "*lead P"], target: str) -> Component:
        """p(w_m), which private latents are drawn from where a modality is not given: N(0, I) with the shape of
        ``like`` ``[..., P]``, unless an objective says otherwise; of the family of :meth:`private_posterior`.
        """
        return standard_normal(like)

    def classify(self, model: Model, batch: Batch) -> Mapping[str, Float[Tensor, "B _"]]:
        """Answers of the objective's classifier, if it has one: label to logits, of classes or of yes/no answers.

        ``batch`` is prepared; labels in it are not looked at.
        """
        return {}

    def gaussians(self, model: Model, batch: Batch) -> Mapping[str, Gaussian]:
        """Distributions of z ``[B, D]`` of each row, by how they are written: of single modalities and of all.

        ``batch`` is prepared, and has every modality. A collapsed posterior is one that is N(0, I) for almost every
        row.
        """
        names = list(model.modalities)
        subsets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
        experts, gaussians = model.experts(batch), {}
        for subset in subsets:
            if not self.infers(model, subset):
                continue
            posterior = self.posterior(model, batch, experts, model.mask(batch, subset))
            if not isinstance(posterior, Mixture):
                continue
            certain = (posterior.log_weights == 0).all(-1).nonzero()  # a mixture of one expert is that expert
            if len(certain) and isinstance(only := posterior.components[certain[0, 0]], Gaussian):
                gaussians[f"q(z|{','.join(subset)})"] = only
        return gaussians
