"""The options of the dataset ``celeba``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder


class CelebAConfig(DatasetConfig):
    """Where the files are, how texts are coded, and which partition is which split."""

    root: Folder | None = Field(
        None,
        description="Folder with img_align_celeba/, list_attr_celeba and list_eval_partition (.csv or .txt); none: "
        "drawn faces.",
    )
    download: bool = Field(
        False, description="Whether to fetch CelebA with torchvision into root/celeba where it is not there yet."
    )
    alphabet: Literal[71, 41] = Field(
        71, description="Letters: 71 as in Sutter et al. 2021, or 41 as in 'Unity by Diversity'."
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
    def _downloads_somewhere(self) -> CelebAConfig:
        if self.download and self.root is None:
            raise ValueError("a download needs a place: set dataset.root=FOLDER as well")
        return self
