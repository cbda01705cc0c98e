"""The options of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainingConfig(BaseModel):
    """How a model is trained; each can be set as ``training.<field>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(100, ge=1, description="Passes over the training rows.")
    batch_size: int = Field(128, ge=1, description="Rows per optimiser step, over all processes together.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step size.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (AdamW); 0 is Adam.")
    schedule: Literal["constant", "cosine", "linear"] = Field("constant", description="Of the learning rate after the warm-up, down to 0 at the last step.")
    warmup_epochs: float = Field(0.0, ge=0, description="Epochs over which the learning rate rises from 0.")
    beta_warmup_epochs: float = Field(0.0, ge=0, description="Epochs over which β rises linearly from 0 to its value.")
    gradient_clip: float | None = Field(None, gt=0, description="Largest norm of the gradient; none: not clipped.")
    microbatches: int = Field(1, ge=1, description="Parts in which each batch is processed, gradients accumulated: less memory, same training.")
    precision: Literal["float32", "bfloat16", "float16"] = Field("float32", description="Of the networks; everything else is float32. float16 needs a GPU.")
    compile: bool = Field(False, description="Whether to compile the networks with torch.compile.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to train; 'auto' takes a GPU if there is one.")
    validate_every: int = Field(1, ge=1, description="Epochs between validations; the last epoch always has one.")
    early_stopping: int | None = Field(None, ge=1, description="Validations without improvement after which training stops; the best model is then kept.")
    select: Literal["last", "best"] = Field("last", description="Which model is kept: the last one, or the one with the best validation.")
    checkpoint_seconds: float = Field(30.0, ge=0, description="Least time between checkpoints, which are written at the ends of epochs.")
    seed: int = Field(0, ge=0, description="Of initial weights, order of rows, and noise.")
    log_with: str | None = Field(None, description="A tracker that Accelerate knows, such as tensorboard.")

    @model_validator(mode="after")
    def _early_stopping_keeps_the_best(self) -> TrainingConfig:
        if self.early_stopping is not None and self.select == "last":
            object.__setattr__(self, "select", "best")
        return self
