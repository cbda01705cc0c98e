"""The options of the dataset."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder


class CubConfig(DatasetConfig):
    """Where the files are, how they are split, and how many birds are drawn where there are none."""

    root: Folder | None = Field(
        None,
        description="Folder with the official files, or with cub/ in it; none: drawn birds with generated captions.",
    )
    download: bool = Field(
        False,
        description="Whether to fetch the archive of MMVAE into root where it is not there yet; needs torchvision.",
    )
    split: Literal["classes", "train-classes", "captions"] = Field(
        "classes",
        description="'classes' tests on the 50 classes that training never sees; 'train-classes' on a tenth of the "
        "pictures of the other 150; 'captions' is MultiVae's: tests as 'classes', and validates on captions of "
        "pictures that training sees with other captions.",
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=0.9,
        description="Share held out for validation: of the training classes, or (train-classes) of their pictures, or "
        "(captions) of their captions.",
    )
    mask_padding: bool = Field(
        False,
        description="Whether positions behind the end of a caption are left out of the loss; the published loss has "
        "them all.",
    )
    seed: int = Field(0, ge=0, description="Of the split, and of the drawn birds.")
    max_images: int | None = Field(
        None, ge=10, description="At most so many pictures, spread evenly over the files; none: all of them."
    )
    species: int = Field(300, ge=4, description="Drawn birds: how many species; a quarter of them is for testing.")
    images_per_species: int = Field(4, ge=1, description="Drawn birds: how many pictures of each species.")

    @model_validator(mode="after")
    def _downloads_somewhere(self) -> CubConfig:
        if self.download and self.root is None:
            raise ValueError("download=true needs a folder to put the files in; set root as well")
        return self
