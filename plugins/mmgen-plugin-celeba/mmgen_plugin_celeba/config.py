"""The options of the datasets ``celeba`` and ``celeba-attributes``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder


class FacesConfig(DatasetConfig):
    """Where the files are, and which partition is which split."""

    root: Folder | None = Field(
        None,
        description="Folder with img_align_celeba/, list_attr_celeba and list_eval_partition (.csv or .txt); none: "
        "drawn faces.",
    )
    download: bool = Field(
        False, description="Whether to fetch CelebA with torchvision into root/celeba where it is not there yet."
    )
    test_partition: Literal[2, 1] = Field(
        2,
        description="2: partitions 0, 1, 2 are train, val, test; 1: test on partition 1 as published results do, val "
        "from a tenth of 0.",
    )
    max_rows: int | None = Field(
        None, ge=1, description="At most so many rows of each partition, the first ones; none: all."
    )
    count: int = Field(5000, ge=20, description="Number of drawn faces, where there is no root.")
    seed: int = Field(
        0,
        ge=0,
        description="Of the drawn faces, of texts that are made from attributes, and of a val split cut from "
        "partition 0.",
    )

    @model_validator(mode="after")
    def _downloads_somewhere(self) -> FacesConfig:
        if self.download and self.root is None:
            raise ValueError("a download needs a place: set dataset.root=FOLDER as well")
        return self


class CelebAConfig(FacesConfig):
    """The files, and how texts are coded."""

    alphabet: Literal[71, 41] = Field(
        71, description="Letters: 71 as in Sutter et al. 2021, or 41 as in 'Unity by Diversity'."
    )


class CelebAAttributesConfig(FacesConfig):
    """The files, which attributes are a modality, and what is kept of an image."""

    attributes: Literal[18, 40] = Field(
        18, description="How many attributes: the 18 of MVAE and of MultiVae's CelebAttr, or all 40."
    )
    crop: Literal[178, 148] = Field(
        178,
        description="Side of the middle square that is reduced to 64×64 pixels: 178, all of the width, as in MVAE; or "
        "148, as in celeba.",
    )
