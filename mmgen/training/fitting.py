"""How many epochs fit into some minutes: measured on the machine that trains, before the first step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from statistics import median
from typing import Any

import torch
from accelerate.state import PartialState

from ..data import Batch, Data, Table
from ..errors import MmgenError
from ..models import MultimodalVAE
from ..optimizers import Adam
from ..runs import HISTORY, RunFolder, TrainingConfig
from ..runs.config import config_of
from .machine import device_for
from .stages import Stages
from .threads import limited, threads_for

WARM, MOST_STEPS, PATIENCE = 2, 40, 4.0  # steps that are not counted, those that are, and for how many seconds
FOR_THE_TRAINING = 0.78  # of the minutes: the rest is for the start, for checkpoints, and for what a step takes longer


def within_minutes(
    config: TrainingConfig, model: MultimodalVAE, data: Data, done: int = 0, lengths: Sequence[int | None] = ()
) -> TrainingConfig:
    """The same with as many epochs as fit into its ``minutes``, or as it is, where it has none.

    What is measured are steps of a copy of the model, of each stage, on this machine as busy as it is; the
    configuration that is kept has the number of epochs, so that whoever repeats the training repeats the same one.
    Stages keep their shares of all epochs; of a resumed training the last one takes what is added.

    Args:
        config: Of the training.
        model: Is left as it is, and so are the random numbers.
        data: Of the training.
        done: Epochs that a resumed training has behind it, to which those that fit are added.
        lengths: Epochs of its stages, as it began.

    Raises:
        MmgenError: Several processes, each of which would find another number.
    """
    if config.minutes is None:
        return config
    if PartialState().num_processes > 1:
        raise MmgenError("training.minutes is for one process; with several, training.epochs says how long they train.")
    plan, total = config.plan, config.total_epochs
    with limited(threads_for(model, data, config)):
        each = [epoch_seconds(config, model, data, number) for number in range(len(plan) - 1 if done else 0, len(plan))]
    seconds = each[-1] if done else sum((stage.epochs or 0) / total * of for stage, of in zip(plan, each, strict=True))
    fitting = int(config.minutes * 60 * FOR_THE_TRAINING / seconds) if seconds else config.total_epochs
    epochs = done + max(1, fitting)
    changed: dict[str, Any] = {"minutes": None}
    if config.stages:
        if not done:
            lengths = [stage.epochs and max(1, round(epochs / total * stage.epochs)) for stage in config.stages]
        elif len(lengths) != len(config.stages):
            lengths = [stage.epochs for stage in config.stages]
        stages = [stage.model_dump(exclude_unset=True) for stage in config.stages]
        changed["stages"] = [{**stage, "epochs": length} for stage, length in zip(stages, lengths, strict=True)]
        epochs = max(epochs, 1 + sum(length or 0 for length in lengths))
    return TrainingConfig.model_validate({**config.model_dump(exclude_unset=True), **changed, "epochs": epochs})


def behind(folder: RunFolder | None, *, resume: bool) -> tuple[int, list[int | None]]:
    """Epochs that a resumed training has in its history, and how many each of its stages was to take."""
    if folder is None or not resume or not folder.holds_a_run:
        return 0, []
    done = max((int(line.get("epoch", 0)) for line in folder.lines(HISTORY)), default=0)
    return done, [stage.get("epochs") for stage in config_of(folder).get("training", {}).get("stages") or ()]


def epoch_seconds(config: TrainingConfig, model: MultimodalVAE, data: Data, stage: int = 0) -> float:
    """Seconds of an epoch of a stage with its share of a validation; 0 where nothing learns by steps."""
    device, patience = device_for(config), PATIENCE / len(config.plan)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        copy = deepcopy(model).to(device)
        stages = Stages(copy, config.plan, config.groups)
        parameters = list(stages.enter(stage).values())
        stages.train_mode(copy)
        optimizer = Adam(parameters, lr=1e-9) if parameters else None
        taken: list[float] = []
        while len(taken) < WARM + MOST_STEPS and (len(taken) <= WARM or sum(taken[WARM:]) < patience):
            batch = _rows(data.train, config.batch_size, len(taken)).to(device)
            began = time.perf_counter()
            loss = -copy(batch).value(copy.config.beta).mean()
            if optimizer is None or not loss.requires_grad:
                return 0.0
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            float(loss.detach())  # waits for a GPU
            taken.append(time.perf_counter() - began)
        step = median(taken[WARM:])
        of_validation = 0.0
        if len(data.val):
            with torch.no_grad():
                batch = _rows(data.val, config.batch_size, 0).to(device)
                began = time.perf_counter()
                float(copy.eval()(batch).value(copy.config.beta).mean())
                of_validation = (time.perf_counter() - began) * len(data.val) / len(batch) / config.validate_every
    return step * config.steps_of(len(data.train)) + of_validation


def _rows(table: Table, size: int, step: int) -> Batch:
    """Some rows, others in each step."""
    rows = torch.arange(min(size, len(table)))
    return table[(rows + step * size) % len(table)]
