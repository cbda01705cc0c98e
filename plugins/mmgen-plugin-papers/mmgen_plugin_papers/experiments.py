"""The experiments of a paper as data: methods on a dataset, with their settings at both scales."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scale = Literal["desk", "paper"]
SCALES: tuple[Scale, ...] = ("desk", "paper")


class Description(BaseModel):
    """Base of everything that the file of a paper has: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodScale(Description):
    """What a method has of its own at one scale."""

    set: tuple[str, ...] = Field(
        (), description="Settings, as --set has them, over those of the recipe OBJECTIVE-DATASET-SCALE."
    )
    minutes: float | None = Field(
        None, gt=0, description="What training one run takes, estimated from a timed step; see Paper.timed_on."
    )


class Method(Description):
    """A row of tables: an objective with its settings."""

    name: str = Field(description="As the paper prints it.")
    objective: str | None = Field(
        None, description="Its objective; none where mmgen has no such method, which `reason` then explains."
    )
    set: tuple[str, ...] = Field((), description="Settings at both scales.")
    desk: MethodScale = Field(MethodScale(), description="What it has of its own in minutes on two cores.")
    paper: MethodScale = Field(MethodScale(), description="What it has of its own as published.")
    reason: str = Field("", description="Why it is not run, in a sentence.")
    note: str = Field("", description="What differs from the paper's method, in a sentence.")

    @model_validator(mode="after")
    def _runs_or_says_why(self) -> Self:
        if (self.objective is None) != bool(self.reason):
            raise ValueError(f"{self.name} needs an objective, or a reason why it has none")
        return self

    def at(self, scale: Scale) -> MethodScale:
        """What it has of its own at one scale."""
        return self.desk if scale == "desk" else self.paper


class ExperimentScale(Description):
    """What all methods of an experiment have at one scale."""

    set: tuple[str, ...] = Field((), description="Settings, as --set has them.")
    betas: tuple[float, ...] | None = Field(None, description="Values of β; each method's own where there are none.")
    seeds: int = Field(3, ge=1, description="How many seeds, from 0.")
    rows: int | None = Field(
        None, ge=1, description="Training rows of the published data, for estimates where a stand-in takes their place."
    )


class Experiment(Description):
    """Methods on one dataset: the runs that tables are made of."""

    dataset: str = Field(description="Name of the dataset.")
    set: tuple[str, ...] = Field((), description="Settings at both scales.")
    variants: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="The same methods on other parts of the data, such as folds: name to settings.",
    )
    desk: ExperimentScale = Field(ExperimentScale(), description="In minutes on two cores.")
    paper: ExperimentScale = Field(ExperimentScale(), description="As published.")
    methods: dict[str, Method] = Field(
        min_length=1, description="The methods, by the names that folders and --set give them."
    )

    def at(self, scale: Scale) -> ExperimentScale:
        """What it has at one scale."""
        return self.desk if scale == "desk" else self.paper
