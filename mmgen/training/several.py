"""Several runs in one process: data are opened once, and small ones of one build make their steps in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from ..data import Data
from ..runs import Run, RunFolder
from .signals import listening
from .together import MOST_PARAMETERS, Member, repays, train_members
from .train import of_fit, planned
from .trainer import Trainer

Ending = Run | Exception | None


@dataclass(frozen=True)
class Training:
    """A run that is to be trained, or gone on with.

    Attributes:
        config: As :func:`.train.configured` returns it.
        folder: Of the run; None: nothing is written.
        screen: Where its sentences go.
        begins: Called when its data are about to be opened.
    """

    config: Mapping[str, Any]
    folder: RunFolder | None
    screen: Console
    begins: Callable[[], None] = lambda: None


def train_runs(trainings: Sequence[Training], most_parameters: float = MOST_PARAMETERS) -> Iterator[tuple[int, Ending]]:
    """Train several runs, or go on with them.

    Args:
        trainings: Which runs.
        most_parameters: Of models that make their steps in one pass; larger ones are trained one after another.

    Yields:
        The number of each, once it has ended, with its run or what ended it early; None: a signal has ended another one
        before this began.
    """
    opened: dict[str, Data] = {}
    left, stopped = list(range(len(trainings))), 0
    while left and not stopped:
        with ExitStack() as stack, listening() as request:
            members, failed = _members(trainings, left, stack, opened, most_parameters)
            train_members(list(members.values()), request)
        left = [k for k in left if k not in members and k not in failed]
        stopped = request.number
        yield from failed.items()
        for k, member in members.items():
            yield k, member.error or member.session.run
    yield from ((k, None) for k in left)


def _members(
    trainings: Sequence[Training],
    left: Sequence[int],
    stack: ExitStack,
    opened: dict[str, Data],
    most_parameters: float,
) -> tuple[dict[int, Member], dict[int, Exception]]:
    """The next one, or all that are left where they are worth it; and what is wrong with those that cannot be."""
    members: dict[int, Member] = {}
    failed: dict[int, Exception] = {}
    for k in left:
        try:
            members[k] = _member(trainings[k], stack, opened)
        except Exception as error:
            failed[k] = error
        if not all(repays(member.session, most_parameters) for member in members.values()):
            break
    return members, failed


def _member(training: Training, stack: ExitStack, opened: dict[str, Data]) -> Member:
    """A training that is ready for its first step.

    Raises:
        MmgenError: What cannot be resolved or trained.
    """
    training.begins()
    config, folder = training.config, training.folder
    begun = folder is not None and folder.holds_a_run
    same = repr((config["dataset"], config.get("modalities")))
    plan = planned(config, folder, resume=True, screen=training.screen, opened=opened.get(same))
    opened[same] = plan.data
    session = Trainer(plan.training, console=training.screen).session(
        plan.model, plan.data, **of_fit(plan, folder, resume=begun)
    )
    return Member(stack.enter_context(session), resume=begun)
