"""Learning rate and β as functions of the step: nothing to save, nothing to lose when a training is resumed."""

from __future__ import annotations

import math

from ..runs.training_config import Stage, TrainingConfig


def learning_rate(config: TrainingConfig, stage: Stage, step: int, steps_per_epoch: int) -> float:
    """The learning rate of optimiser step ``step`` (from 0) of a stage of ``config.plan``."""
    assert stage.epochs is not None
    assert stage.learning_rate is not None
    warmup = config.warmup_epochs * steps_per_epoch
    total = max(stage.epochs * steps_per_epoch, 1)
    if step < warmup:
        return stage.learning_rate * (step + 1) / warmup
    done = min((step - warmup) / max(total - warmup, 1), 1.0)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[config.schedule]
    return stage.learning_rate * factor


def beta_factor(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """What β is multiplied by at optimiser step ``step`` of the whole training."""
    warmup = config.beta_warmup_epochs * steps_per_epoch
    return min((step + 1) / warmup, 1.0) if warmup else 1.0
