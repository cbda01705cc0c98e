"""Learning rate and β as functions of the step: nothing to save, nothing to lose when a training is resumed."""

from __future__ import annotations

from ..runs.training_config import Stage, TrainingConfig


def learning_rate(
    config: TrainingConfig, stage: Stage, step: int, steps_per_epoch: int, own: float | None = None
) -> float:
    """The learning rate of optimiser step ``step`` (from 0) of a stage of ``config.plan``; of parameters with a rate of
    their ``own``, that in the place of the stage's.
    """
    assert stage.epochs is not None
    assert stage.learning_rate is not None
    rate = stage.learning_rate if own is None else own
    warmup = config.warmup_epochs * steps_per_epoch
    total = max(stage.epochs * steps_per_epoch, 1)
    if step < warmup:
        return rate * (step + 1) / warmup
    return rate * config.schedule.factor(step - warmup, total - warmup, steps_per_epoch)


def beta_factor(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """What β is multiplied by at optimiser step ``step`` of the whole training."""
    warmup = config.beta_warmup_epochs * steps_per_epoch
    return min((step + 1) / warmup, 1.0) if warmup else 1.0
