"""The options of ``mnist-svhn-text``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from mmgen import DataError, DatasetConfig, Folder
from mmgen_plugin_vision.digits import digit_files
from mmgen_plugin_vision.options import check_rendered
from mmgen_plugin_vision.street_numbers import street_number_files

from .index_files import find_index_files

DESK = 10_000  # training tuples where a half is a stand-in, so that an epoch takes seconds


class MnistSvhnTextConfig(DatasetConfig):
    """Where the two halves are, how they are paired, and how many tuples are kept."""

    digits: Folder | None = Field(
        None, description="Folder with the idx files of MNIST; none: those in root, else scikit-learn's digits."
    )
    svhn: Folder | None = Field(
        None, description="Folder with {train,test}_32x32.mat of SVHN; none: those in root, else rendered digits."
    )
    root: Folder | None = Field(
        None,
        description="Folder with MNIST, SVHN and, for a published pairing, "
        "MNIST_SVHN/idx_{mnist,svhn}_{train,test}.npy, as far as they are there.",
    )
    download: bool = Field(
        False,
        description="Whether torchvision fetches missing files of MNIST and SVHN into the folders that are named.",
    )
    seed: int = Field(
        0, ge=0, description="Of the pairing, the places of the words, the validation images, and what is rendered."
    )
    repeats: int = Field(20, ge=1, description="How often each image occurs; the original script has 30.")
    max_tuples: int | None = Field(
        None,
        ge=10,
        description=f"Training tuples at most; none: all of them, or {DESK:,} where MNIST or SVHN is a stand-in.",
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the training images of each digit held out for validation, in both halves.",
    )
    use_all: bool | None = Field(
        None,
        description="Whether images of a class beyond the smaller half's number are used too; none: only where MNIST "
        "or SVHN is a stand-in.",
    )
    rendered: tuple[int, int] = Field(
        (10_000, 2_000), description="How many training and test street numbers are rendered, where there is no SVHN."
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> MnistSvhnTextConfig:
        if self.download and self.root is None and self.digits is None and self.svhn is None:
            raise ValueError("download needs a folder to put the files in; set root, or digits and svhn")
        check_rendered(self.rendered)
        return self

    def folders(self) -> dict[str, Path | None]:
        """Where each half is read from; none: it is a stand-in.

        Raises:
            DataError: ``root`` has nothing of the data set.
        """
        root = self.root
        if root is None:
            return {"mnist": self.digits, "svhn": self.svhn}
        mnist = next(
            (folder for folder in (root, root / "MNIST") if digit_files(folder)), root if self.download else None
        )
        svhn = (
            root / "SVHN"
            if self.download or street_number_files(root / "SVHN")
            else root
            if street_number_files(root)
            else None
        )
        if mnist is None and svhn is None and not find_index_files(root):
            raise DataError(
                f"dataset.root: {root} has neither MNIST (idx files), nor SVHN (.mat files), nor MNIST_SVHN (index "
                "files)."
            )
        return {"mnist": self.digits or mnist, "svhn": self.svhn or svhn}
