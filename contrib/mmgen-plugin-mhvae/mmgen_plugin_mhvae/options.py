"""Options of MHVAE."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import ObjectiveConfig


class MHVAEConfig(ObjectiveConfig):
    """Options of :class:`.mhvae.MHVAE`."""

    only_with = {"max_subsets": {"subsets": ("all",)}}

    subsets: Literal["all", "full-and-single"] = Field(
        "all",
        description="Over which subsets of what a row has the bounds are averaged: all, or everything and each "
        "modality alone, as in the released code (for two modalities that is all of them).",
    )
    max_subsets: int = Field(
        31,
        ge=1,
        description="All subsets are listed up to this many; above it, this many are drawn for each row and step.",
    )
    product: Literal["precisions", "scales"] = Field(
        "precisions",
        description="In products of Gaussians 1/σ² add up; the released code adds up 1/σ, and weighs means by these.",
    )
    kl: Literal["closed-form", "drawn"] = Field(
        "closed-form",
        description="KL of a level given what was drawn above it: in closed form, or by the draw alone, as in the "
        "released code.",
    )
    feature_dim: int = Field(64, ge=1, description="F, features of a modality for every level.")
    hidden: tuple[int, ...] = Field(
        (64,),
        min_length=1,
        description="Hidden widths of the networks that give q(z_l|x_m, z_{>l}) from these and from h_l.",
    )
    decoded: Literal["lowest", "all"] = Field(
        "lowest", description="What decoders take: the lowest level z_1, as released, or all levels."
    )
