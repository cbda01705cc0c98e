"""What both objectives share: the observed modalities, the label, and a latent that is inferred from what is observed
alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence

from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Modality, Model, Objective, ObjectiveConfig
from mmgen.distributions import Gaussian, Mixture
from mmgen.networks import MLPTrunk

from .inputs import Flattened, Target


class DiscriminativeConfig(ObjectiveConfig):
    """Options that both objectives have."""

    observed: tuple[str, ...] | None = Field(
        None,
        description="x_O: names of the modalities that are there at test time; none: the first. The others are x_M.",
    )
    label: str | None = Field(None, description="Name of the label y; none: the only one that the data have.")

    @field_validator("observed")
    @classmethod
    def _distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and not names:
            raise ValueError(
                "the list is empty; name at least one modality, or leave the option out to observe the first"
            )
        for name in names or ():
            if (names or ()).count(name) > 1:
                raise ValueError(f"the modality {name!r} is named more than once; name each of them once")
        return names


def split_modalities(
    config: DiscriminativeConfig, modalities: Mapping[str, Modality]
) -> tuple[dict[str, Modality], dict[str, Modality]]:
    """The observed modalities x_O and the others x_M, each in the order of the data.

    Raises:
        MmgenError: An unknown name, or nothing that is left for x_M.
    """
    chosen = tuple(modalities)[:1] if config.observed is None else config.observed
    for name in chosen:
        if name not in modalities:
            raise MmgenError(f"objective.observed: there is no modality {name!r}; there are {', '.join(modalities)}.")
    if len(chosen) == len(modalities):
        raise MmgenError(
            f"objective.observed: {', '.join(chosen)} are all the modalities there are; at least one must be left to "
            "be missing at test time."
        )
    observed = {name: modality for name, modality in modalities.items() if name in chosen}
    return observed, {name: modality for name, modality in modalities.items() if name not in chosen}


def chosen_label(config: DiscriminativeConfig, labels: Collection[str]) -> str:
    """The label to predict.

    Raises:
        MmgenError: An unknown name, or no choice among several labels.
    """
    if config.label is None:
        if len(labels) != 1:
            raise MmgenError(
                f"objective.label: say which of the labels to predict: {', '.join(labels) or 'the data have none'}."
            )
        return next(iter(labels))
    if config.label not in labels:
        raise MmgenError(
            f"objective.label: there is no label {config.label!r}; there are {', '.join(labels) or 'none'}."
        )
    return config.label


def classifier(inputs: int, hidden: Sequence[int], outputs: int, activation: str, dropout: float) -> nn.Sequential:
    """``[N, inputs]`` to logits ``[N, outputs]``: hidden layers, then a linear one."""
    trunk = MLPTrunk((inputs,), hidden, activation, dropout)
    return nn.Sequential(trunk, nn.Linear(trunk.features, outputs))


class Discriminative(Objective):
    """A latent z inferred from x_O alone, and a classifier p(y | z)."""

    aggregator, prior = None, None
    needs_labels = True
    decodes_mean = True

    classifier: nn.Module

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: there are no unimodal encoders."""
        return {}

    def build(self, model: Model) -> None:
        """Which modalities are x_O and x_M, as rows of numbers, and which label is y."""
        observed, missing = split_modalities(self.config, model.modalities)
        label = chosen_label(self.config, model.labels)
        self.observed = tuple(observed)
        self.places = [place for place, name in enumerate(model.modalities) if name in observed]
        self.x_o, self.x_m = Flattened(observed), Flattened(missing)
        self.target = Target(label, len(model.labels[label]))

    @abstractmethod
    def latent(self, context: Float[Tensor, "B F"]) -> Gaussian:
        """The law of z given x_O as a row of numbers, ``[B, D]``."""

    def seen(self, given: Bool[Tensor, "*lead B M"]) -> Bool[Tensor, "*lead B"]:
        """The rows of which all of x_O is given."""
        return given[..., self.places].all(-1)

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From x_O, with or without more, which is not looked at; there is no prior to generate from without x_O."""
        return set(self.observed) <= set(given)

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The law of z given x_O; N(0, I) where not all of x_O is given: ``[..., 1, B, D]``."""
        return Mixture.of(self.latent(self.x_o(batch)).where(self.seen(given)))

    def classify(self, model: Model, batch: Batch) -> dict[str, Float[Tensor, "B size"]]:
        """Logits of p(y | z) at the mean of z given x_O; at 0 where a row lacks some of x_O."""
        z = self.latent(self.x_o(batch)).where(self.seen(batch.available)).mean
        return {self.target.label: self.classifier(z)}
