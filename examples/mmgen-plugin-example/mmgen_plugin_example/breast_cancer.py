"""Cell nuclei of breast tumours, whose ten measurements are summarised in three ways."""

from __future__ import annotations

import torch
from pydantic import Field
from sklearn.datasets import load_breast_cancer

from mmgen import Dataset, DatasetConfig, Modality, Provenance, Splits, Table, VectorModality, split_rows

SUMMARIES = ("mean", "error", "worst")  # in the order of the columns: ten of each
MEASUREMENTS = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave_points", "symmetry", "fractal_dimension"),
)


class BreastCancerConfig(DatasetConfig):
    """Options of :class:`BreastCancer`."""

    test_fraction: float = Field(0.2, ge=0, lt=1, description="Share of each class held out for testing.")
    val_fraction: float = Field(0.1, ge=0, lt=1, description="Share of each class held out for validation.")
    seed: int = Field(0, ge=0, description="Of the split.")


class BreastCancer(Dataset):
    """Breast cancer Wisconsin (diagnostic): 569 real tumours, ten measurements of their cell nuclei in three summaries.

    A modality is a summary over the nuclei of one image: the mean, the standard error, and the mean of the three
    largest values. The label is the diagnosis. The rows come with scikit-learn. A fifth of each class are test rows,
    and a tenth validation rows.

    Source: Street, Wolberg and Mangasarian 1993 (doi 10.24432/C5DW2B).
    """

    Config = BreastCancerConfig
    citation = (
        "W.N. Street, W.H. Wolberg, O.L. Mangasarian: Nuclear feature extraction for breast tumor diagnosis. "
        "IS&T/SPIE Symposium on Electronic Imaging, 1905, 861-870, 1993. Data: UCI Machine Learning Repository, doi "
        "10.24432/C5DW2B."
    )
    licence = "CC BY 4.0"
    defaults = {"model": {"latent_dim": 4}}

    def modalities(self) -> dict[str, Modality]:
        """Three vectors of ten values, with small networks."""
        columns = {name: tuple(f"{name}_{measurement}" for measurement in MEASUREMENTS) for name in SUMMARIES}
        return {name: VectorModality(shape=(10,), hidden=(32,), columns=columns[name]) for name in SUMMARIES}

    def splits(self) -> Splits:
        """The published rows, split by diagnosis."""
        config, source = self.config, load_breast_cancer()
        values = torch.from_numpy(source.data).float()  # [569, 30]
        data = dict(zip(SUMMARIES, values.split(10, dim=1), strict=True))
        table = Table.of(data, labels={"diagnosis": torch.from_numpy(source.target)})
        sides = split_rows(
            len(table), test=config.test_fraction, val=config.val_fraction, seed=config.seed, strata=source.target
        )
        train, val, test = (table.select(torch.from_numpy(sides[side])) for side in ("train", "val", "test"))
        provenance = Provenance(
            "real", f"{len(table)} tumours of the breast cancer Wisconsin (diagnostic) data", "scikit-learn"
        )
        return Splits(train, val, test, provenance, {"diagnosis": tuple(source.target_names.tolist())})

    @classmethod
    def toy(cls) -> Dataset:
        """All of it: it is small."""
        return cls()
