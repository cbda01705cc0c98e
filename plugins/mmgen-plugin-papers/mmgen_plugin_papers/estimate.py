"""What runs would take: configurations checked, models built on the data's real shapes, a few steps timed."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from mmgen.errors import MmgenError
from mmgen.models import MultimodalVAE
from mmgen.optimizers import Adam
from mmgen.runs import Plan
from mmgen.training.stages import Stages

from .experiment_grids import ExperimentGrid

TIMED = 3  # steps, of which the median counts
ENOUGH = 10.0  # seconds after which no further step is timed
LONG = 4.0  # seconds that a step of a whole batch may be expected to take before a share of the batch is timed instead
SHARE = 8  # the share: a batch divided by this
FEWEST = 16  # rows of it at least


@dataclass(frozen=True)
class Estimate:
    """What the runs of one method would take.

    Attributes:
        experiment: The experiment, and its variant.
        method: Its key.
        runs: How many: β times seeds.
        problem: Why it cannot be run, '' where it can.
        data: What kind the data are.
        parameters: Of the model.
        rows: Training rows that the time is for.
        steps: Optimiser steps of one run.
        batch: Rows of a step.
        timed_rows: Rows of the timed step; fewer than a batch where that would have taken too long, and then the time
            is scaled.
        step_seconds: A step of a whole batch, forward, backward and Adam.
        memory: Bytes of weights, gradients, Adam's moments, one batch, and what is kept for the backward pass of it:
            computed, not measured.
        device: Where the step was timed.
    """

    experiment: str = ""
    method: str = ""
    runs: int = 0
    problem: str = ""
    data: str = ""
    parameters: int = 0
    rows: int = 0
    steps: int = 0
    batch: int = 0
    timed_rows: int = 0
    step_seconds: float = 0.0
    memory: int = 0
    device: str = ""

    @property
    def hours(self) -> float:
        """Training one run; validation and evaluation come on top."""
        return self.steps * self.step_seconds / 3600


def estimates(
    experiment: ExperimentGrid, published_rows: int | None, timed: Mapping[str, Estimate] | None = None
) -> Iterator[Estimate]:
    """Of every method of an experiment, one after the other; nothing is written.

    Args:
        experiment: The runs.
        published_rows: Training rows of the published data: what counts where data are not real.
        timed: Estimates of another variant of the experiment: its steps are not timed again.
    """
    for key, series in experiment.grid.series.items():
        runs = sum(len(seeds) for seeds in series.runs.values())
        member = next(member for member in experiment.members if member.objective == key)
        try:
            plan = Plan.of(member.config)
            Stages(plan.model, plan.training.plan, plan.training.groups)
            estimate = _estimate(plan, published_rows, (timed or {}).get(key))
        except MmgenError as error:
            estimate = Estimate(problem=str(error))
        except torch.OutOfMemoryError:
            estimate = Estimate(
                problem="A batch does not fit in the memory of the GPU; --set training.microbatches=8 cuts it in parts."
            )
        yield replace(estimate, experiment=experiment.name, method=key, runs=runs)


def _estimate(plan: Plan, published_rows: int | None, before: Estimate | None) -> Estimate:
    """Of one run, whose step is not timed where one like it has been ``before``."""
    kind = plan.data.provenance.kind
    rows = (None if kind == "real" else published_rows) or len(plan.data.train)
    batch = plan.training.batch_size
    learns = any(parameter.requires_grad for parameter in plan.model.parameters())
    if not learns:
        step = _Step(0, 0.0, 0)
    elif before and not before.problem:
        step = _Step(before.timed_rows, before.step_seconds, before.memory)
    else:
        step = _timed_step(plan)
    return Estimate(
        data=kind,
        parameters=sum(parameter.numel() for parameter in plan.model.parameters()),
        rows=rows,
        steps=plan.training.total_epochs * math.ceil(rows / batch) if learns else 0,
        batch=batch,
        timed_rows=step.rows,
        step_seconds=step.seconds,
        memory=step.memory,
        device=_device(plan).type,
    )


@dataclass(frozen=True)
class _Step:
    """A timed step: how many rows it had, seconds and bytes of a whole batch."""

    rows: int
    seconds: float
    memory: int


def _device(plan: Plan) -> torch.device:
    return torch.device("cuda" if plan.training.device != "cpu" and torch.cuda.is_available() else "cpu")


def _timed_step(plan: Plan) -> _Step:
    """A warm-up on a share of a batch, then the median of a few steps, of the whole batch unless it takes too long."""
    device, model, table = _device(plan), plan.model, plan.data.train
    model.to(device).train()
    optimizer = Adam([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-6)
    whole = min(plan.training.batch_size, len(table))
    share = min(whole, max(FEWEST, whole // SHARE))
    _step(model, table[torch.arange(share)].to(device), optimizer)  # the first one pays for what is set up once
    seconds, _ = _step(model, table[torch.arange(share)].to(device), optimizer)
    rows = whole if seconds * whole / share <= LONG else share
    batch = table[torch.arange(rows)].to(device)
    steps = [_step(model, batch, optimizer)]
    while len(steps) < TIMED and sum(second for second, _ in steps) < ENOUGH:
        steps.append(_step(model, batch, optimizer))
    factor = plan.training.batch_size / rows
    per_batch = sum(values.numel() * values.element_size() for values in batch.data.values()) + steps[-1][1]
    memory = round(_bytes_of_weights(model) + per_batch * factor)
    return _Step(rows, statistics.median(second for second, _ in steps) * factor, memory)


def _bytes_of_weights(model: MultimodalVAE) -> int:
    """With the gradient and Adam's two moments of those that learn."""
    return sum(
        parameter.numel() * parameter.element_size() * (4 if parameter.requires_grad else 1)
        for parameter in model.parameters()
    )


def _step(model: MultimodalVAE, batch: Any, optimizer: torch.optim.Optimizer) -> tuple[float, int]:
    """Seconds of one step, and the bytes that it keeps for its backward pass."""
    saved = _SavedTensors({parameter.untyped_storage().data_ptr() for parameter in model.parameters()})
    start = _now()
    with saved.counting():
        loss = -model(batch).value(model.config.beta).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return _now() - start, saved.size


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@dataclass
class _SavedTensors:
    """Tensors that autograd keeps for the backward pass; parameters and views of one storage do not count twice.

    Attributes:
        known: Addresses of what is counted elsewhere, and of what was counted.
        size: Bytes.
        alive: What was counted: held until the step is over, so that no address is used again.
    """

    known: set[int]
    size: int = 0
    alive: list[Tensor] = field(default_factory=list)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is kept by the operations in this context."""

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.known:
                self.known.add(storage.data_ptr())
                self.size += storage.nbytes()
                self.alive.append(tensor.detach())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            yield
