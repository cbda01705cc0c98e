"""The options of CMMD."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from .discriminative import DiscriminativeConfig


class CMMDConfig(DiscriminativeConfig):
    """Options of :class:`.cmmd.CMMD`."""

    omega: float = Field(
        0.5,
        ge=0,
        le=1,
        description="ω: weight of the KL divergence; 1 − ω is that of the MMD. 1 leaves the evidence lower bound of "
        "log p(x_M|x_O) and the classifier.",
    )
    mmd_weight: float = Field(1000.0, ge=0, description="λ: factor of the MMD beside 1 − ω.")
    alpha: float = Field(
        1000.0,
        ge=0,
        description="α: factor of log p(y|z) of each row, where log p(x_M|x_O,z) has the factor 1. The paper has 10, "
        "and its code sums this term over a batch of 100 rows while it averages the others, which makes 1000. 10 is "
        "the equation as printed.",
    )
    kl: Literal["correct", "cmmd_code"] = Field(
        "correct",
        description="'cmmd_code': the released code's form, whose ratio of variances has the factor 1 instead of ½.",
    )
    classifier_input: Literal["mean", "sample"] = Field(
        "mean",
        description="What the classifier sees in training: the mean of p(z|x_O), as in the released code, or a draw "
        "from it, as in the paper's text.",
    )
    supervision: Literal["available", "none", "required"] = Field(
        "available",
        description="'available': rows that have a label use it; 'none': labels are ignored, as in the first of two "
        "stages; 'required': rows without a label do not count, as in the second.",
    )
    prior_hidden: tuple[PositiveInt, ...] = Field(
        (256, 256), description="Widths of the hidden layers of the conditional prior p(z|x_O)."
    )
    encoder_hidden: tuple[PositiveInt, ...] = Field(
        (512, 512), description="Widths of the hidden layers of the encoder q(z|x_O,x_M,y)."
    )
    classifier_hidden: tuple[PositiveInt, ...] = Field(
        (50, 50), description="Widths of the hidden layers of the classifier p(y|z); the released script has 70, 70."
    )
    activation: Literal["relu", "leaky-relu", "elu", "gelu", "silu", "softplus", "tanh"] = Field(
        "softplus", description="After every hidden layer of these three networks; decoders are the modalities' own."
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of their hidden units that is left out in training.")
    initial: Literal["default", "small"] = Field(
        "default",
        description="'small': all linear layers (the decoders' too) start from N(0, 0.001²), their biases from 0, as "
        "in the released code.",
    )
