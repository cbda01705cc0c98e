"""The options of the dataset ``cdsprites``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder


class CdSpritesConfig(DatasetConfig):
    """The level, and where pictures come from."""

    level: Literal[1, 2, 3, 4, 5] = Field(
        3, description="Difficulty: captions name the shape; and size; and colour; and position; and background."
    )
    root: Folder | None = Field(
        None,
        description="Folder with the official levelN/traindata.h5; none: pictures are made by the published rules.",
    )
    dsprites: Folder | None = Field(
        None, description="Made pictures: folder with the archive of dSprites; none: sprites are drawn."
    )
    textures: Folder | None = Field(
        None,
        description="Made pictures: folder with the Describable Textures Dataset, or any pictures; none: textures are "
        "drawn.",
    )
    count: int | None = Field(
        None,
        ge=30,
        le=75_000,
        description="How many pictures, spread evenly over the captions; none: 30,000 as published, or all of the "
        "official file.",
    )
    drawn_textures: int = Field(500, ge=10, le=10_000, description="How many textures are drawn, of ten kinds.")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="Share of each caption held out for testing.")
    val_fraction: float = Field(0.1, ge=0, lt=0.5, description="Share of each caption held out for validation.")
    mask_padding: bool = Field(
        False,
        description="Whether what is behind a caption's end is left out of the loss, as in the released toolkit.",
    )
    seed: int = Field(0, ge=0, description="Of the made pictures, of a choice among official ones, and of the split.")

    @model_validator(mode="after")
    def _has_one_source(self) -> CdSpritesConfig:
        if self.root is not None and (self.dsprites is not None or self.textures is not None):
            raise ValueError("root names made pictures, dsprites and textures what they are made from; set one of them")
        if self.count is not None and self.level == 5 and self.count < 240:
            raise ValueError(f"level 5 has 240 captions, which {self.count} pictures cannot all show; set count to 240")
        if self.count is not None and self.level == 4 and self.count < 120:
            raise ValueError(f"level 4 has 120 captions, which {self.count} pictures cannot all show; set count to 120")
        return self
