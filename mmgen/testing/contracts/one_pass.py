"""Trainings in one pass: what each member becomes is what it becomes alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch import Tensor

from ...data import Data
from ...models import MultimodalVAE
from ...training import Trainer
from ...training.signals import StopRequest
from ...training.together import Group, Member, groups_of, train_members

STEPS = 3
OPTIONS = {"epochs": 2, "batch_size": 8, "select": "last"}


def trained_members(models: list[MultimodalVAE], data: Data, *, together: bool, **options: Any) -> list[Member]:
    """Trainings of models on one table, in one pass or one after the other, to their ends.

    Args:
        models: Trained in place, each with its place as seed.
        data: What they are trained on.
        together: Whether in one pass, where they can be.
        **options: Of the trainings, over two epochs with batches of 8.
    """
    with ExitStack() as stack:
        members = _members(models, data, stack, **options)
        for group in [members] if together else [[member] for member in members]:
            train_members(group, StopRequest())
    return members


def largest_difference(one: MultimodalVAE, two: MultimodalVAE) -> float:
    """Of their states, relative to the norm of each tensor."""
    others = two.state_dict()
    return max(_difference(value.double(), others[name].double()) for name, value in one.state_dict().items())


def check_one_pass(who: str, make: Callable[..., MultimodalVAE], data: Data) -> None:
    """Three steps of two members with other weights, noise, order of rows and β, each alone and in one pass."""
    several = [[make(data, seed=k, beta=0.5 + k) for k in range(2)] for _ in range(2)]
    alone, together = (_stepped(models, data, in_one_pass=k == 1) for k, models in enumerate(several))
    for one, other, first, second in zip(alone, together, *several, strict=True):
        assert repr(one.error) == repr(other.error), (
            f"{who}: a training that is made together with another ends in {other.error!r}, alone in {one.error!r}; "
            "terms must keep nothing from one step for the next but in buffers"
        )
        difference = largest_difference(first, second)
        assert difference < 1e-9, (
            f"{who}: two trainings in one pass are not those of each alone (weights differ by {difference:.1g}); terms "
            "must be a function of the batch, parameters, buffers, model.config and the noise of PyTorch"
        )


def _stepped(models: list[MultimodalVAE], data: Data, *, in_one_pass: bool) -> list[Member]:
    """The first steps."""
    request = StopRequest()
    with ExitStack() as stack:
        members = _members(models, data, stack)
        for several in groups_of(members) if in_one_pass else [[member] for member in members]:
            group = Group(several)
            going = group.begin(request)
            for _ in range(STEPS):
                going = group.step(going, request)
            group.part()
    return members


def _members(models: list[MultimodalVAE], data: Data, stack: ExitStack, **options: Any) -> list[Member]:
    return [
        Member(stack.enter_context(Trainer(**{**OPTIONS, **options}, seed=k).session(model, data)), resume=False)
        for k, model in enumerate(models)
    ]


def _difference(one: Tensor, two: Tensor) -> float:
    return float((one - two).nan_to_num().norm() / (one.nan_to_num().norm() + 1e-30))
