"""The options of the dataset ``mhd``."""

from __future__ import annotations

from pydantic import Field

from mmgen import DatasetConfig, Folder


class MHDConfig(DatasetConfig):
    """Where the files are, and how many digits are written where there are none."""

    root: Folder | None = Field(
        None, description="Folder with the official mhd_train.pt and mhd_test.pt; none: digits are written here."
    )
    val_fraction: float = Field(
        0.1, ge=0, lt=1, description="Share of the training rows of each digit held out for validation; as published."
    )
    written: tuple[int, int] = Field(
        (4000, 1000), description="How many training and test digits are written, where there are no files."
    )
    seed: int = Field(0, ge=0, description="Of the validation rows and of written digits.")
