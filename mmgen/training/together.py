"""Several trainings in one process, whose steps are made in one pass where they can be.

Each is a :class:`.session.Session` with its own folder, model, order of rows, random numbers, schedule, optimiser, best
model and end; they only meet in the gradients of a step (:mod:`.joint_step`). So one that stops early, or whose loss is
not a number any more, leaves, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .joint_step import JointStep, NotTogether, why_alone
from .session import Session, Steps
from .signals import StopRequest
from .streams import Stream

MOST_PARAMETERS = 2**21  # of a model, beyond which a pass is no quicker on a CPU


@dataclass
class Member:
    """A training among others.

    Attributes:
        session: What it trains in.
        resume: Whether it goes on with what its folder holds.
        error: What ended it early; None where nothing did.
        alone: Why its steps are made alone, as the end of a sentence; empty where they need not.
    """

    session: Session
    resume: bool
    error: Exception | None = None
    alone: str = ""
    stream: Stream = field(default_factory=Stream)
    steps: Steps | None = None
    rows: Tensor | None = None  # of the step that is next

    def advance(self, request: StopRequest, sums: Tensor | None) -> bool:
        """Go on to the next step; whether there is one."""
        with self.stream.flowing(), self.session.ending():
            if self.steps is None:
                self.steps = self.session.steps(request, resume=self.resume)
                self.rows = next(self.steps, None)
            else:
                assert sums is not None
                try:
                    self.rows = self.steps.send(sums)
                except StopIteration:
                    self.rows = None
        return self.rows is not None


def repays(session: Session, most_parameters: float) -> bool:
    """Whether a training can make its steps together with others, and has no more parameters than that."""
    return not why_alone(session) and sum(p.numel() for p in session.model.parameters()) <= most_parameters


def train_members(members: Sequence[Member], request: StopRequest) -> None:
    """Train all to their ends; what ends one early is kept with it, and the others go on.

    Args:
        members: Those of one build make their steps in one pass.
        request: Whether they are asked to stop.
    """
    for group in groups_of(members):
        Group(group).train(request)


def groups_of(members: Sequence[Member]) -> list[list[Member]]:
    """Those that can make their steps in one pass, and those that train alone, in order."""
    alike: dict[Any, list[Member]] = {}
    for member in members:
        session = member.session
        member.alone = why_alone(session)
        key = id(member) if member.alone else build_of(session)
        alike.setdefault(key, []).append(member)
    return list(alike.values())


def build_of(session: Session) -> Any:
    """What sessions of one pass have in common: all that their configurations say, but β and seed."""
    config = dict(session.run.config)
    model = {key: value for key, value in config["model"].items() if key != "beta"}
    training = {key: value for key, value in config["training"].items() if key != "seed"}
    shapes = tuple((name, tuple(value.shape)) for name, value in session.model.state_dict().items())
    return id(session.data.train.available), repr({**config, "model": model, "training": training}), shapes


class Group:
    """Members of one build, step by step."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self.joint: JointStep | None = None  # of those that stepped last
        self.stepping: list[Member] = []  # in the pass of ``joint``
        self.seen: set[tuple[int, int]] = set()  # members and stages whose first step was looked at

    def train(self, request: StopRequest) -> None:
        """All to their ends."""
        going = self.begin(request)
        while going:
            going = self.step(going, request)
        self.part()

    def begin(self, request: StopRequest) -> list[Member]:
        """Up to the first steps; those that have one."""
        return [member for member in self.members if self._advanced(member, request, None)]

    def step(self, going: Sequence[Member], request: StopRequest) -> list[Member]:
        """One step of each, and on to the next; those that have one."""
        return [member for member, sums in self._steps(going) if self._advanced(member, request, sums)]

    def _advanced(self, member: Member, request: StopRequest, sums: Tensor | None) -> bool:
        """Whether a member has another step."""
        try:
            if member.advance(request, sums):
                return True
        except Exception as error:
            self._end(member, error)
        else:
            self._end(member, None)
        return False

    def _end(self, member: Member, error: Exception | None) -> None:
        member.error = error
        if id(member) in {who for who, _ in self.seen} and error is None:
            member.session.keeper.add_facts(in_one_pass_with=len(self.members) - 1)
        if member.steps is not None:
            member.steps.close()

    def _steps(self, going: Sequence[Member]) -> Iterator[tuple[Member, Tensor]]:
        """One step of each; the sums of those that have made it."""
        alike: dict[Any, list[Member]] = {}
        for member in going:
            assert member.rows is not None
            key = id(member) if member.alone else (len(member.rows), member.session.progress.stage)
            alike.setdefault(key, []).append(member)
        for several in alike.values():
            made = self._in_one_pass(several) if len(several) > 1 else None
            for member, sums in [(member, None) for member in several] if made is None else made:
                try:
                    yield member, self._alone(member) if sums is None else self._followed(member, sums)
                except Exception as error:
                    self._end(member, error)

    @staticmethod
    def _alone(member: Member) -> Tensor:
        assert member.rows is not None
        with member.stream.flowing(), member.session.ending():
            return member.session.step(member.rows)

    @staticmethod
    def _followed(member: Member, sums: Tensor) -> Tensor:
        member.session.follow(sums)
        return sums

    def _in_one_pass(self, several: list[Member]) -> list[tuple[Member, Tensor]] | None:
        """Their sums, with the gradients in their models; None where each has to step alone."""
        marks = {(id(member), member.session.progress.stage) for member in several}
        try:
            if self.joint is None or self.stepping != several or not marks <= self.seen:
                self.part()
                sessions, streams = [m.session for m in several], [m.stream for m in several]
                self.joint, self.stepping = JointStep(sessions, streams), several
                self.joint.watched = not marks <= self.seen
            sums = self.joint.gradients([member.rows for member in several if member.rows is not None])
        except NotTogether as reason:
            self.part()
            for member in several:
                member.alone = str(reason)
                member.session.say(f"It is trained alone: {reason}.")
            return None
        self.seen |= marks
        return list(zip(several, sums, strict=True))

    def part(self) -> None:
        """Give each model tensors of its own."""
        if self.joint is not None:
            self.joint.stack.release()
        self.joint, self.stepping = None, []
