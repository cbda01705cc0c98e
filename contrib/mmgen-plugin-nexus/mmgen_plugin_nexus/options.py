"""Options of Nexus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from mmgen import MmgenError, ObjectiveConfig

Size = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]


class NexusConfig(ObjectiveConfig):
    """Options of :class:`.nexus.Nexus`."""

    bottom_dim: Size | dict[str, Size] = Field(
        16, description="Dimensions of z_m: one number, or one by modality; 'model.latent_dim' are those of z."
    )
    message_dim: int = Field(10, ge=1, description="F, dimensions of a message; 10 in MultiVae.")
    hidden: tuple[int, ...] = Field(
        (64,), description="Hidden widths of the networks between the two levels: messages, q(z|c) and p(z_m|z)."
    )
    dropout: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the rows in which messages of a random subset alone are seen (forced perceptual "
        "dropout); 0 in MultiVae.",
    )
    bottom_beta: Weight | dict[str, Weight] = Field(
        1.0, description="Weight β_m of KL(q(z_m|x_m) ‖ N(0, I)) beside 'model.beta': one number, or one by modality."
    )
    top_beta: float = Field(1.0, ge=0, description="Weight β_0 of KL(q(z|c) ‖ p) beside 'model.beta'.")
    latent_weight: Weight | dict[str, Weight] = Field(
        1.0, description="Weight γ_m of log p(z_m|z): one number, or one by modality."
    )
    latent_scale: Literal["one", "learned"] = Field(
        "one", description="Scale s_m of p(z_m|z): 1, or learned for every modality."
    )
    points: int = Field(
        1,
        ge=1,
        description="Of q(z|x_S): 1 sends messages of the means of z_m; an even number of fixed points of their "
        "posteriors gives a mixture of as many.",
    )
    generation: Literal["mean", "draw"] = Field(
        "mean", description="What z_m is where x_m is not given: the mean of p(z_m|z), as released, or a draw."
    )


def by_modality(option: str, value: float | Mapping[str, float], names: Iterable[str]) -> list[float]:
    """The number of each modality.

    Raises:
        MmgenError: A mapping that leaves modalities out, or names others.
    """
    names = list(names)
    if not isinstance(value, Mapping):
        return [value] * len(names)
    if set(value) != set(names):
        raise MmgenError(
            f"objective.{option} has numbers of {', '.join(sorted(value)) or 'none'}; it should have one number, or "
            f"one for each of {', '.join(names)}."
        )
    return [value[name] for name in names]
