"""Schedules of the learning rate: options, and a factor that is a function of the step alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..errors import MmgenError, alternatives
from ..options import validated

WHERE = "training.schedule"


class _Schedule(BaseModel):
    """What the learning rate is multiplied by.

    Every schedule has ``factor(step, total, per_epoch)`` of optimiser step ``step`` (from 0, after the warm-up) of the
    ``total`` steps of a stage, ``per_epoch`` of which are an epoch. Nothing of it is saved, and nothing is lost when a
    training is resumed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Constant(_Schedule):
    """1."""

    name: Literal["constant"] = "constant"

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """1."""
        return 1.0


class Linear(_Schedule):
    """Down to 0 at the end of a stage, in a straight line."""

    name: Literal["linear"] = "linear"

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """1 − t/T."""
        return 1 - _done(step, total)


class Polynomial(_Schedule):
    """Down to 0 at the end of a stage (``torch.optim.lr_scheduler.PolynomialLR``)."""

    name: Literal["polynomial"] = "polynomial"
    power: float = Field(2.0, gt=0, description="Of what is left of the stage; 1 is linear.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """(1 − t/T)^power."""
        return float((1 - _done(step, total)) ** self.power)


class Cosine(_Schedule):
    """Half a cosine over a stage (``CosineAnnealingLR``)."""

    name: Literal["cosine"] = "cosine"
    end: float = Field(0.0, ge=0, le=1, description="What is left of the learning rate at the end, as a share of it.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """end + (1 − end)(1 + cos πt/T)/2."""
        return self.end + (1 - self.end) * _half_cosine(_done(step, total))


class CosineRestarts(_Schedule):
    """Half a cosine again and again (``CosineAnnealingWarmRestarts``; Loshchilov and Hutter 2017, SGDR)."""

    name: Literal["cosine-restarts"] = "cosine-restarts"
    period: float = Field(gt=0, description="Epochs of the first one.")
    growth: int = Field(1, ge=1, description="How many times as long each is as the one before.")
    end: float = Field(0.0, ge=0, le=1, description="What is left of the learning rate at the end of each, as a share.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """As :class:`Cosine`, of the period that is under way."""
        length = self.period * per_epoch
        while step >= length:
            step, length = step - length, length * self.growth
        return self.end + (1 - self.end) * _half_cosine(step / length)


class Exponential(_Schedule):
    """By the same factor every epoch, evenly over its steps (``ExponentialLR``)."""

    name: Literal["exponential"] = "exponential"
    gamma: float = Field(0.95, gt=0, le=1, description="Factor of an epoch.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """gamma^(t in epochs)."""
        return float(self.gamma ** (step / per_epoch))


class Step(_Schedule):
    """By a factor every so many epochs (``StepLR``)."""

    name: Literal["step"] = "step"
    every: int = Field(30, ge=1, description="Epochs between two steps.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor of a step.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """gamma^⌊epochs / every⌋."""
        return float(self.gamma ** (step // (per_epoch * self.every)))


class MultiStep(_Schedule):
    """By a factor at certain epochs (``MultiStepLR``)."""

    name: Literal["multi-step"] = "multi-step"
    at: tuple[int, ...] = Field(min_length=1, description="The epochs of a stage after which it falls.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor at each of them.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """gamma^(how many of the epochs are over)."""
        return float(self.gamma ** sum(step >= epoch * per_epoch for epoch in self.at))


class OneCycle(_Schedule):
    """Up to the learning rate and down again over a stage (``OneCycleLR``; Smith and Topin 2018, Super-convergence).

    Options are called as PyTorch's; ``max_lr`` is the learning rate. Momentum stays what it is.
    """

    name: Literal["one-cycle"] = "one-cycle"
    pct_start: float = Field(0.3, gt=0, lt=1, description="Share of the stage in which the rate rises.")
    anneal_strategy: Literal["cos", "linear"] = Field("cos", description="Half a cosine or a straight line.")
    div_factor: float = Field(25.0, ge=1, description="The learning rate over the rate of the first step.")
    final_div_factor: float = Field(1e4, ge=1, description="The rate of the first step over that of the last one.")
    three_phase: bool = Field(False, description="Whether it falls as it rose first, and then below that.")

    def factor(self, step: float, total: float, per_epoch: int) -> float:
        """Between the turning points at pct_start · T − 1, where the factor is 1, and T − 1."""
        start = 1 / self.div_factor
        end, top = start / self.final_div_factor, self.pct_start * total - 1
        points = [(0.0, start), (top, 1.0), (total - 1, end)]
        if self.three_phase:
            points.insert(2, (2 * top, start))
        phases = [(left, right) for left, right in pairwise(points) if right[0] > left[0]]
        for (begin, before), (stop, after) in phases:
            if step <= stop:
                done = min(max((step - begin) / (stop - begin), 0.0), 1.0)
                fallen = _half_cosine(done) if self.anneal_strategy == "cos" else 1 - done
                return after + (before - after) * fallen
        return end


AnySchedule = Constant | Linear | Polynomial | Cosine | CosineRestarts | Exponential | Step | MultiStep | OneCycle
SCHEDULES = {str(schedule.model_fields["name"].default): schedule for schedule in get_args(AnySchedule)}


def _checked(value: Any) -> Any:
    """Also a bare name."""
    if isinstance(value, AnySchedule):
        return value
    options = dict(value) if isinstance(value, Mapping) else {"name": value}
    known = f"there are {alternatives(str(options.get('name')), SCHEDULES)}"
    if "name" not in options:
        raise MmgenError(f"{WHERE}.name: this option must be given; {known}")
    if not isinstance(options["name"], str) or options["name"] not in SCHEDULES:
        raise MmgenError(f"{WHERE}: there is no schedule {options['name']!r}; {known}")
    return validated(SCHEDULES[options["name"]], options, WHERE)


Schedule = Annotated[
    AnySchedule, Field(discriminator="name"), BeforeValidator(_checked, json_schema_input_type=str | AnySchedule)
]


def _done(step: float, total: float) -> float:
    return min(step / max(total, 1), 1.0)


def _half_cosine(done: float) -> float:
    """From 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * done))
