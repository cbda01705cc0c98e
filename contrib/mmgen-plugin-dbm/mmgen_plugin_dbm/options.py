"""Options of the machine, and which modality each of its paths takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, PositiveInt

from mmgen import CountsModality, MmgenError, Modality, ObjectiveConfig, TagsModality, VectorModality

Layer = Literal["image1", "text1", "image2", "text2", "joint", "all"]
KINDS: Mapping[str, tuple[tuple[type[Modality], ...], str]] = {
    "image": ((VectorModality,), "a vector"),
    "text": ((TagsModality, CountsModality), "tags or counts"),
}


class DBMConfig(ObjectiveConfig):
    """Options of :class:`mmgen_plugin_dbm.DBM`; the joint layer has as many units as ``model.latent_dim``."""

    image: str | None = Field(None, description="Modality of the image path, a vector; by default the only vector.")
    text: str | None = Field(
        None,
        description="Modality of the text path, tags or counts; by default the only tags, or else the only counts.",
    )
    image_hidden: tuple[PositiveInt, PositiveInt] = Field(
        (128, 64), description="Units of the two hidden layers of the image path (published: 2048, 1024)."
    )
    text_hidden: tuple[PositiveInt, PositiveInt] = Field(
        (128, 64), description="Units of the two hidden layers of the text path (published: 1024, 1024)."
    )
    layer: Layer = Field(
        "all",
        description="Which layer's machine learns: one per stage, from the data to the joint layer; or 'all' at "
        "once, each from what those below give so far.",
    )
    cd_steps: int = Field(1, ge=1, description="Gibbs steps k of contrastive divergence.")
    sweeps: int = Field(10, ge=0, description="Mean-field sweeps, in inference and from the joint layer to data.")
    clamp: Literal["path", "input"] = Field(
        "path",
        description="What stays as it is in the sweeps where a modality is given: its 'path', with the hidden layers "
        "of the bottom-up pass, or its values alone ('input'), as in the paper.",
    )


def paths_of(config: DBMConfig, modalities: Mapping[str, Modality]) -> tuple[str, str]:
    """The modalities of the image path and of the text path.

    Raises:
        MmgenError: There is none of the kind, there are several and none is named, or the one that is named is unknown
            or of another kind.
    """
    text = _named(
        "text", config.text, modalities
    )  # first: few data sets have tags, and then it does not matter how many vectors there are
    return _named("image", config.image, modalities), text


def _named(side: str, name: str | None, modalities: Mapping[str, Modality]) -> str:
    kinds, words = KINDS[side]
    known = ", ".join(modalities)
    if name is not None:
        if name not in modalities:
            raise MmgenError(f"objective.{side}: there is no modality {name!r}; there are {known}.")
        if not isinstance(modalities[name], kinds):
            raise MmgenError(
                f"objective.{side}: the {side} path of the objective 'dbm' takes {words}, and {name!r} is a "
                f"{type(modalities[name]).__name__}."
            )
        return name
    for kind in kinds:
        candidates = [name for name, modality in modalities.items() if isinstance(modality, kind)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise MmgenError(
                f"The {side} path of the objective 'dbm' takes one modality, and {', '.join(candidates)} could be it; "
                f"name one with objective.{side}."
            )
    raise MmgenError(
        f"The {side} path of the objective 'dbm' takes {words}, and there is no such modality among {known}."
    )
