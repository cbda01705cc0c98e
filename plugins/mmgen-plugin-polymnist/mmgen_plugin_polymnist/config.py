"""Options of ``polymnist`` and ``translated-polymnist``."""

from __future__ import annotations

from pydantic import Field, model_validator

from mmgen import DatasetConfig, Folder


class PolyMNISTConfig(DatasetConfig):
    """Where the images are, or what they are made from."""

    root: Folder | None = Field(
        None,
        description="Folder with the official images (PNG or tensors); none: images are made from digits and "
        "photographs.",
    )
    digits: Folder | None = Field(
        None,
        description="Folder with idx files of MNIST, Fashion-MNIST or KMNIST; none: scikit-learn's digits, enlarged.",
    )
    backgrounds: Folder | None = Field(
        None,
        description="Folder with photographs (jpg, png), one per modality by name; none: some that scikit-image ships.",
    )
    modalities: int = Field(5, ge=1, le=10, description="How many: m0, m1, …")
    repeats: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="How often a digit is used per modality, on a new crop each time; none: once, embedded ones 4 "
        "times.",
    )
    max_tuples: int | None = Field(
        None, ge=10, description="At most so many tuples in training, in validation and in testing; none: all."
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the training digits (official images: tuples) of each class held out for validation.",
    )
    download: bool = Field(
        False, description="Fetch what is missing: PolyMNIST into root, or MNIST into digits (needs torchvision)."
    )
    seed: int = Field(0, ge=0, description="Of pairing, crops and splits.")

    @property
    def digit_scale(self) -> float | None:
        """Scale of translated digits; none where they fill the image."""
        return None

    @model_validator(mode="after")
    def _belongs_together(self) -> PolyMNISTConfig:
        if self.root is not None:
            for name in ("digits", "backgrounds", "repeats"):
                if getattr(self, name) is not None:
                    raise ValueError(f"root holds finished images, and {name} is for making them; set one of the two")
        elif self.download and self.digits is None:
            raise ValueError("download needs a folder to put the files in; set root (PolyMNIST) or digits (MNIST)")
        return self


class TranslatedPolyMNISTConfig(PolyMNISTConfig):
    """The same, with digits that are scaled down and put at random places."""

    modalities: int = Field(3, ge=1, le=10, description="How many: m0, m1, …")
    scale: float | None = Field(
        None,
        ge=0.25,
        le=1,
        description="Of the digits; none: as published, 0.75 with three modalities and 0.70 otherwise.",
    )

    @property
    def digit_scale(self) -> float:
        """As asked for, or as published for this number of modalities."""
        return self.scale if self.scale is not None else 0.75 if self.modalities == 3 else 0.70

    @model_validator(mode="after")
    def _has_an_archive(self) -> TranslatedPolyMNISTConfig:
        if self.download and self.root is not None:
            raise ValueError(
                "there is no archive of translated images to download; set digits instead of root, and they are made"
            )
        return self
