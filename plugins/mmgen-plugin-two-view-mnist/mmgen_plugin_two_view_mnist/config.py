"""The options of the four datasets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder
from mmgen_plugin_vision.options import check_rendered

DESK = {
    "mnist-svhn": (10_000, 2_000),
    "three-view-mnist": (5_000, 1_500),
}  # training and test tuples where a half is a stand-in
PUBLISHED = {"mnist-svhn": (80_000, 20_000), "three-view-mnist": (30_000, 7_000)}
Order = Literal["auto", "columns", "rows"]


class DigitsConfig(DatasetConfig):
    """Where handwritten digits come from."""

    digits: Folder | None = Field(None, description="Folder with the idx files of MNIST; none: scikit-learn's digits.")
    download: bool = Field(
        False, description="Whether torchvision fetches missing files into the folders that are named."
    )
    seed: int = Field(0, ge=0, description="Of everything that is drawn: splits, angles, partners, noise and tuples.")
    val_fraction: float = Field(
        1 / 6,
        ge=0,
        lt=1,
        description="Share of the training images of each digit held out for validation; 1/6 leaves 50,000 of MNIST.",
    )


class TwoViewMnistConfig(DigitsConfig):
    """Official files, or how the views are made."""

    root: Folder | None = Field(
        None,
        description="Folder with MNIST.mat, or with noisymnist_view1.gz and noisymnist_view2.gz; none: views are "
        "made from digits.",
    )
    pixel_order: Order = Field(
        "auto", description="How official files store a picture; auto: so that the digit one stands upright."
    )
    repeats: int = Field(
        1,
        ge=1,
        description="How many pairs are made of each training image, each with its own angle, partner and noise.",
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> TwoViewMnistConfig:
        if self.root is not None and self.digits is not None:
            raise ValueError("root names made views and digits what views are made from; set one of the two")
        if self.download and self.digits is None:
            raise ValueError("download fetches plain MNIST into a folder; set digits")
        return self


class MnistLabelsConfig(DigitsConfig):
    """Digits, grey or drawn."""

    binarised: bool = Field(
        False, description="Whether every pixel is black or white, drawn once with its grey level as the probability."
    )

    @model_validator(mode="after")
    def _downloads_somewhere(self) -> MnistLabelsConfig:
        if self.download and self.digits is None:
            raise ValueError("download fetches MNIST into a folder; set digits")
        return self


class TuplesConfig(DigitsConfig):
    """Where street numbers come from, and how many tuples are drawn."""

    svhn: Folder | None = Field(
        None, description="Folder with {train,test}_32x32.mat of SVHN; none: digits rendered from fonts."
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the training images of each digit held out for validation, in every half.",
    )
    train_tuples: int | None = Field(
        None, ge=10, description="Training tuples; none: as published, or fewer where a half is a stand-in."
    )
    test_tuples: int | None = Field(
        None, ge=10, description="Test tuples; none: as published, or fewer where a half is a stand-in."
    )
    repeats: int = Field(30, ge=1, description="How often each image occurs in the pairing that tuples are drawn from.")
    rendered: tuple[int, int] = Field(
        (10_000, 2_000), description="How many training and test street numbers are rendered, without SVHN."
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> TuplesConfig:
        if self.download and self.digits is None and self.svhn is None:
            raise ValueError("download needs a folder to put the files in; set digits and svhn")
        check_rendered(self.rendered)
        return self

    def counts(self, name: str, *, real: bool) -> tuple[int, int]:
        """Training and test tuples that are wanted."""
        train, test = (PUBLISHED if real else DESK)[name]
        return self.train_tuples or train, self.test_tuples or test


class MnistSvhnConfig(TuplesConfig):
    """Two halves, or the folder of the released code."""

    root: Folder | None = Field(
        None,
        description="Folder of the released code: mnist_{tr,te}.npy, mnist_y_{tr,te}.npy, mnist_idx_{tr,te}.npy, "
        "svhn_idx_{tr,te}.npy and mnist_shvn with SVHN; it comes before digits and svhn.",
    )


class ThreeViewMnistConfig(TuplesConfig):
    """Two halves, and the rotated images."""

    rotated: Folder | None = Field(
        None,
        description="Folder with MNIST.mat (or the two pickle files), whose first view gives the rotated images; "
        "none: made from digits.",
    )
    pixel_order: Order = Field(
        "auto", description="How these files store a picture; auto: so that the digit one stands upright."
    )
