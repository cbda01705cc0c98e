"""Options of MLD."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from mmgen import MmgenError, ObjectiveConfig
from mmgen.options import Unless

Size = Annotated[int, Field(ge=1)]


class MLDConfig(ObjectiveConfig):
    """Options of :class:`.mld.MLD`."""

    only_with = {"jump": {"repeats": Unless(1)}}

    sizes: dict[str, Size] = Field(
        default_factory=dict,
        description="Dimensions of z_m by modality, which sum to 'model.latent_dim'; equal shares of it by default.",
    )
    learns: Literal["all", "autoencoders", "diffusion"] = Field(
        "all",
        description="Whose terms there are: one stage has those of the autoencoders, the next those of the diffusion.",
    )
    joint: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the rows, in training, in which all modalities are noised; in others a random part of "
        "them is left as it is. 0.8 in the released code for PolyMNIST, whose d is the share of the others.",
    )
    rates: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.1, 20.0), description="β_0 and β_1, rates of noise at the times 0 and 1."
    )
    width: int = Field(256, ge=1, description="Of the layers of the network that estimates noise.")
    blocks: int = Field(3, ge=0, description="How many residual blocks it has.")
    steps: int = Field(250, ge=1, description="N, steps back from noise to latents; as many as in the released code.")
    repeats: int = Field(
        1,
        ge=1,
        description="How often steps back are gone, with noise in between (RePaint); 10 in the released code, for ten "
        "times the work.",
    )
    jump: int = Field(10, ge=1, description="Of more 'repeats' than 1: how many steps at a time.")
    points: int = Field(8, ge=2, description="Draws of which the mean and the variance of a posterior are.")


def sizes_of(options: MLDConfig, names: Iterable[str], latent_dim: int) -> dict[str, int]:
    """Dimensions of every z_m; of equal shares the first ones have what remains.

    Raises:
        MmgenError: They do not sum to those of z, a modality has none, or one is named that there is not.
    """
    names = list(names)
    if not options.sizes:
        if latent_dim < len(names):
            raise MmgenError(
                f"model.latent_dim is {latent_dim}, and each of {len(names)} modalities has dimensions of its own; it "
                f"should be at least {len(names)}."
            )
        return {name: (latent_dim + len(names) - 1 - m) // len(names) for m, name in enumerate(names)}
    if set(options.sizes) != set(names):
        raise MmgenError(
            f"objective.sizes has dimensions of {', '.join(sorted(options.sizes))}; it should have those of each of "
            f"{', '.join(names)}."
        )
    if (total := sum(options.sizes.values())) != latent_dim:
        raise MmgenError(f"objective.sizes sum to {total}; they should sum to model.latent_dim, which is {latent_dim}.")
    return {name: options.sizes[name] for name in names}
