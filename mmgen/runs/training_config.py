"""The options of a training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from ..options import Options
from .optimizer_config import AnyOptimizer, Group, OptimizerConfig
from .schedules import Constant, Schedule

USUAL_EPOCHS, LEAST_STEPS = 100, 1500  # where training.epochs is auto


class Stage(BaseModel):
    """One stage of a training: how long it takes, what learns in it, and what differs from the rest of the
    configuration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int | None = Field(
        None,
        ge=1,
        description="How many it takes; the last stage takes what is left of training.epochs, and has none of its own.",
    )
    train: tuple[str, ...] = Field(
        (),
        description="Parts of the model that learn, such as encoders, decoders, encoders.image or objective.joint; "
        "all where none are named.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="The optimiser's step size in this stage; training.learning_rate otherwise."
    )
    objective: dict[str, Any] = Field(
        default_factory=dict, description="Options of the objective that hold in this stage, where it has such."
    )


class TrainingConfig(Options):
    """How a model is trained; each can be set as ``training.<field>``."""

    epochs: PositiveInt | Literal["auto"] = Field(
        100,
        description="Passes over the training rows; auto: 100, or as many as make 1,500 optimiser steps where rows are "
        "few, with as many validations as 100 epochs have.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        description="How long to train here, in the place of training.epochs: as many epochs as fit, by the time that "
        "steps take at the start; stages keep their shares. The run's config.yaml has the numbers, and repeats the "
        "training. With --resume: how much longer.",
    )
    start: Literal["random", "linear"] = Field(
        "random",
        description="Initial weights. linear: those of factor analysis of the training rows, for modalities of real "
        "numbers with linear paths (modalities.NAME.linear_path); all others are random.",
    )
    batch_size: int = Field(128, ge=1, description="Rows per optimiser step, over all processes together.")
    optimizer: AnyOptimizer = Field(
        default_factory=OptimizerConfig,
        description="An optimiser of torch.optim by its name, or its name and options: {name: AdamW, weight_decay: "
        "0.01}.",
    )
    learning_rate: float = Field(1e-3, gt=0, description="The optimiser's step size.")
    groups: tuple[Group, ...] = Field(
        (),
        description="Parts of the model with a learning rate or options of the optimiser of their own: {of: "
        "[encoders], learning_rate: 1e-4}.",
    )
    schedule: Schedule = Field(
        default_factory=Constant,
        description="Of the learning rate after the warm-up, by its name, or its name and options: {name: cosine, end: "
        "0.1}.",
    )
    average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of an exponential moving average of the weights, such as 0.999, which is then validated and "
        "kept in their place; none: the weights themselves.",
    )
    warmup_epochs: float = Field(0.0, ge=0, description="Epochs of each stage in which the rate rises from 0.")
    beta_warmup_epochs: float = Field(0.0, ge=0, description="Epochs over which β rises from 0; not in validation.")
    gradient_clip: PositiveFloat | Literal["auto"] | None = Field(
        None,
        description="Largest norm of the gradient; auto: twice what is usual so far; none: not clipped.",
    )
    microbatches: int = Field(
        1,
        ge=1,
        description="Parts of a batch, worked on in turn: less memory; only dropout and batch statistics differ.",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Of the networks; everything else is float32. float16 needs a GPU."
    )
    compile: bool = Field(False, description="Whether to compile the networks with torch.compile.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where to train; 'auto' takes a GPU if there is one; Apple's is 'mps'."
    )
    threads: PositiveInt | Literal["auto"] = Field(
        "auto",
        description="Of the processor, in each process, where it trains; auto: one where networks are small, what "
        "PyTorch takes (all cores, or OMP_NUM_THREADS) where a layer has enough to do.",
    )
    validate_every: int = Field(1, ge=1, description="Epochs between validations; a stage's last one always has one.")
    early_stopping: int | None = Field(
        None,
        ge=1,
        description="Validations without improvement that end the training, or stage; the best model is kept.",
    )
    select: Literal["last", "best", "imputation"] = Field(
        "last",
        description="Which model is kept: the last one, the one with the best validation loss, or the one (from the "
        "start on) that predicts each modality of the validation rows best from all others; early stopping goes by "
        "the same.",
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="Least time between checkpoints, which are written at the ends of epochs."
    )
    stages: tuple[Stage, ...] = Field(
        (),
        description="What learns when: each stage has a fresh optimiser, its own schedule of the learning rate, and "
        "its own early stopping. None: a single one.",
    )
    seed: int = Field(0, ge=0, description="Of initial weights, order of rows, and noise.")
    log_with: str | None = Field(
        None, description="An installed tracker that Accelerate knows, such as tensorboard or wandb; all: each of them."
    )

    @model_validator(mode="after")
    def _early_stopping_keeps_the_best(self) -> TrainingConfig:
        if self.early_stopping is not None and self.select == "last":
            object.__setattr__(self, "select", "best")
        return self

    @model_validator(mode="after")
    def _groups_are_of_the_optimizer(self) -> TrainingConfig:
        groups = tuple(group.check(self.optimizer, number) for number, group in enumerate(self.groups))
        object.__setattr__(self, "groups", groups)
        return self

    @model_validator(mode="after")
    def _one_cycle_rises_by_itself(self) -> TrainingConfig:
        if self.warmup_epochs and self.schedule.name == "one-cycle":
            raise ValueError("warmup_epochs: the schedule one-cycle has a rise of its own (pct_start); leave it out")
        return self

    @model_validator(mode="after")
    def _stages_fill_the_epochs(self) -> TrainingConfig:
        for number, stage in enumerate(self.stages, 1):
            last = number == len(self.stages)
            if last and stage.epochs is not None:
                raise ValueError(
                    f"stages: the last stage takes what is left of epochs={self.epochs}, so leave out its "
                    f"epochs={stage.epochs}"
                )
            if not last and stage.epochs is None:
                raise ValueError(
                    f"stages: stage {number} of {len(self.stages)} needs epochs; only the last one takes what is left"
                )
        before = sum(stage.epochs or 0 for stage in self.stages)
        if self.stages and self.epochs != "auto" and before >= self.epochs:
            raise ValueError(
                f"stages: {before} epochs are taken before the last stage, which leaves it none of epochs={self.epochs}"
            )
        return self

    @property
    def total_epochs(self) -> int:
        """How many epochs there are, once they are known: see :meth:`for_rows`."""
        return USUAL_EPOCHS if self.epochs == "auto" else self.epochs

    def for_rows(self, rows: int) -> TrainingConfig:
        """The same with a number of epochs, for so many training rows."""
        if self.epochs != "auto":
            return self
        per_epoch = self.steps_of(rows)
        before = sum(stage.epochs or 0 for stage in self.stages)
        epochs = max(USUAL_EPOCHS, -(-LEAST_STEPS // per_epoch), before + 1)
        changed: dict[str, Any] = {"epochs": epochs}
        if "validate_every" not in self.model_fields_set:
            changed["validate_every"] = max(1, epochs // USUAL_EPOCHS)
        return self.model_copy(update=changed)

    def steps_of(self, rows: int) -> int:
        """Of an epoch of so many training rows: a last batch of one row is left out."""
        return max(1, rows // self.batch_size + (rows % self.batch_size > 1))

    @property
    def plan(self) -> tuple[Stage, ...]:
        """The stages with every length and learning rate filled in; a single one, in which everything learns, where
        none are asked for.
        """
        before = sum(stage.epochs or 0 for stage in self.stages)
        rate = self.learning_rate
        return tuple(
            stage.model_copy(
                update={
                    "epochs": stage.epochs or self.total_epochs - before,
                    "learning_rate": stage.learning_rate or rate,
                }
            )
            for stage in self.stages or (Stage(),)
        )
