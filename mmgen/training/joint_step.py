"""A step of several trainings in one pass: the same networks with other weights, mapped over by ``vmap``.

What an objective does with a model and a batch it does here too; only that every tensor is one of each member. Its
gradients go into each member's parameters, and everything else about a step (rates, clipping, the optimiser, averages,
what is counted) is the member's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from ..data import Batch
from ..data.presence import Presence
from .session import Session
from .streams import Stream, Streams

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}  # of gradients, relative to their norm, when first looked at
FIELDS = ("data", "labels", "covariates", "observed")


class NotTogether(Exception):  # noqa: N818 - they are trained alone
    """Why trainings cannot be made in one pass, as the end of a sentence."""


class Stack:
    """K models as one: their parameters and buffers lie side by side in stacked tensors, of which they are views.

    So whatever reads or writes one of the models (its optimiser, a checkpoint, a validation) goes on as before.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models = models
        self.parameters = self._together([dict(model.named_parameters()) for model in models])
        self.buffers = self._together([dict(model.named_buffers()) for model in models])
        self.own = [dict(model.named_parameters()) for model in models]
        for name, stacked in self.parameters.items():
            stacked.requires_grad_(self.own[0][name].requires_grad)

    @staticmethod
    def _together(named: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        stacked = {}
        for name in named[0]:
            stacked[name] = torch.stack([each[name].detach() for each in named])
            for k, each in enumerate(named):
                each[name].data = stacked[name][k]
        return stacked

    def give_gradients(self) -> None:
        """Each model's parameters get what belongs to them of the stacked gradients."""
        for name, stacked in self.parameters.items():
            gradient, stacked.grad = stacked.grad, None
            for k, own in enumerate(self.own):
                own[name].grad = None if gradient is None else gradient[k]

    def release(self) -> None:
        """Each model has tensors of its own again."""
        for model in self.models:
            for value in (*model.parameters(), *model.buffers()):
                value.data = value.data.clone()


class JointStep:
    """Steps of K sessions of one build that are in the same stage.

    Args:
        sessions: Their trainings.
        streams: Their random numbers.
    """

    def __init__(self, sessions: Sequence[Session], streams: Sequence[Stream]) -> None:
        self.sessions, self.streams = sessions, streams
        self.base = sessions[0]
        self.stack = Stack([session.model for session in sessions])
        parameter = next(iter(self.stack.parameters.values()))
        self.dtype, device = parameter.dtype, parameter.device
        self.numbers = torch.arange(len(sessions), device=device)
        self.watched = True  # the first step is compared with what each does alone
        self.moving = list(self.stack.buffers)  # the buffers that steps may change, as far as is known

    def gradients(self, rows: Sequence[Tensor]) -> list[Tensor]:
        """The sums of terms of each member over its rows, with the gradients in its parameters.

        Args:
            rows: Of each member's batch, equally many.

        Raises:
            NotTogether: The step cannot be made in one pass, or is then another one; nothing has changed.
        """
        before = [stream.state for stream in self.streams]
        kept = {name: self.stack.buffers[name].clone() for name in self.moving}
        try:
            alone = [self._alone(k, index) for k, index in enumerate(rows)] if self.watched else []
            self._restore(before)
            sums = self._pass(rows)
            self._compare(alone, sums)
        except Exception as error:  # of whatever an objective does that cannot be mapped over
            self._restore(before)
            for name, value in kept.items():
                self.stack.buffers[name].copy_(value)
            for stacked in (*self.stack.parameters.values(), *(p for own in self.stack.own for p in own.values())):
                stacked.grad = None
            raise error if isinstance(error, NotTogether) else NotTogether(_in_short(error)) from error
        if self.watched:
            self.moving = [name for name, value in kept.items() if not torch.equal(self.stack.buffers[name], value)]
        self.watched = False
        self.stack.give_gradients()
        return list(sums)

    def _restore(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        for stream, state in zip(self.streams, states, strict=True):
            stream.state = dict(state)

    def _pass(self, rows: Sequence[Tensor]) -> Tensor:
        """The sums ``[K, T + 1]``; gradients are in the stacked parameters."""
        batch = self.base.train_table[torch.cat(list(rows))].to(self.base.accelerator.device)
        count = len(rows)
        tensors = {
            field: {name: value.unflatten(0, (count, -1)) for name, value in getattr(batch, field).items()}
            for field in FIELDS
        }
        whole = _everywhere(batch)
        tensors["available"] = {"": batch.available.unflatten(0, (count, -1))}
        if batch.rows is not None:
            tensors["rows"] = {"": batch.rows.unflatten(0, (count, -1))}
        betas = torch.tensor([(session.beta, session.current_beta) for session in self.sessions], dtype=torch.float64)
        betas = betas.to(self.numbers.device, self.dtype)
        streams = Streams(self.streams)

        def one(number: Tensor, beta: Tensor, *model_and_rows: Any) -> tuple[Tensor, Tensor]:
            streams.member = number
            try:
                return self._value(beta, *model_and_rows, whole=whole)
            finally:
                streams.member = None

        with streams, _own_config(self.base):
            value, sums = vmap(one, randomness="error")(
                self.numbers, betas, self.stack.parameters, self.stack.buffers, tensors
            )
        (-value * (1 / len(rows[0]))).sum().backward()
        return sums

    def _value(
        self,
        beta: Tensor,
        parameters: Any,
        buffers: Any,
        tensors: Mapping[str, Mapping[str, Tensor]],
        *,
        whole: tuple[bool, ...],
    ) -> tuple[Tensor, Tensor]:
        """What one member maximises, summed over its rows, and the sums of its terms.

        Args:
            beta: That of its model, and that of this step.
            parameters: By name.
            buffers: By name.
            tensors: Its batch, by field and name.
            whole: Of each modality whether all rows of all members have it.
        """
        session, available = self.base, tensors["available"][""]
        marks = tuple(None if all_do else _ANY for all_do in whole)
        presence = Presence(available, marks, None if all(whole) else _ANY, gathers=False)
        rows = tensors.get("rows", {}).get("")
        data, labels, covariates, observed = (tensors[field] for field in FIELDS)
        batch = Batch(data, available, labels, rows, covariates, observed, known=presence)
        session.model.config = session.model.config.model_copy(update={"beta": beta[0]})
        terms = functional_call(session.model, (parameters, buffers), (batch,))
        value = terms.value(beta[1])
        return value.sum(), session.sums.of(terms, value)

    # The first step is looked at -------------------------------------------------------------------------------------

    def _alone(self, k: int, rows: Tensor) -> dict[str, Tensor]:
        """What a member's step is alone, as it is made there: sums, buffers, and gradients by name."""
        session = self.sessions[k]
        buffers = dict(session.model.named_buffers())
        kept = {name: value.clone() for name, value in buffers.items()}
        batch = session.train_table[rows].to(session.accelerator.device)
        with self.streams[k].flowing():
            value, sums = session.objective(batch)
        (-value.sum() * (1 / len(rows))).backward()
        found = {"sums": sums, **{f"buffers {name}": value.clone() for name, value in buffers.items()}}
        for name, parameter in session.model.named_parameters():
            if parameter.grad is not None:
                found[f"gradients {name}"] = parameter.grad
                parameter.grad = None
        for name, value in kept.items():
            buffers[name].copy_(value)
        return found

    def _compare(self, alone: Sequence[Mapping[str, Tensor]], sums: Tensor) -> None:
        """Refuse a pass that gives something else than what each member does alone."""
        found = {"sums": sums, **{f"buffers {name}": value for name, value in self.stack.buffers.items()}}
        found |= {
            f"gradients {name}": value.grad for name, value in self.stack.parameters.items() if value.grad is not None
        }
        for k, own in enumerate(alone):
            if own.keys() != found.keys():
                raise NotTogether("other parameters learn than alone")
            for name, value in own.items():
                if not _equal(value.double(), found[name][k].double(), TOLERANCE.get(self.dtype, 0.0)):
                    raise NotTogether(f"the {name.replace('buffers', 'buffer')} are not those of each alone")


_ANY = torch.empty(0, dtype=torch.int64)  # stands for row numbers that nobody looks at


def _equal(one: Tensor, two: Tensor, tolerance: float) -> bool:
    """Whether two tensors are equal as far as rounding tells; where one is not finite, both are not."""
    finite = one.isfinite() & two.isfinite()
    if bool((one.isfinite() != two.isfinite()).any()):
        return False
    difference = torch.where(finite, one - two, 0.0).norm()
    return bool(difference <= tolerance * torch.where(finite, one, 0.0).norm() + 1e-12)


def _everywhere(batch: Batch) -> tuple[bool, ...]:
    """Of each modality whether all rows have it."""
    return tuple(numbers is None for numbers in batch.presence.having)


def _in_short(error: Exception) -> str:
    """What is wrong, without advice."""
    said = str(error).strip().partition("\n")[0].partition(". ")[0]
    return f"{type(error).__name__}: {said}".rstrip(": .")


@contextmanager
def _own_config(session: Session) -> Iterator[None]:
    """The model has its own β again after this context, in which it gets each member's."""
    config = session.model.config
    try:
        yield
    finally:
        session.model.config = config


def why_alone(session: Session) -> str:
    """Why a training has to be made alone, as the end of a sentence; empty where it need not."""
    config, model = session.config, session.model
    if session.accelerator.num_processes > 1:
        return "it is shared by several processes"
    if config.precision != "float32":
        return f"it computes in {config.precision}"
    if config.compile:
        return "its networks are compiled"
    if config.microbatches > 1:
        return "its batches are made in parts"
    if model.adversary is not None:
        return "its objective has an adversary"
    if not session.data.train.available.all() and any(isinstance(module, _BatchNorm) for module in model.modules()):
        return "rows lack modalities, and its networks normalise over the rows that have them"
    return ""
