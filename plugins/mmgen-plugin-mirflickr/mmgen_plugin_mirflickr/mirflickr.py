"""The dataset ``mirflickr``: features of a picture, and what its photographer wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from mmgen import (
    CountsModality,
    DataError,
    Dataset,
    DatasetConfig,
    Folder,
    Modality,
    Provenance,
    Splits,
    Table,
    TagsModality,
    VectorModality,
)
from mmgen.data.sides import SIDES

from .files import Files, find_files, read_collection, read_vocabulary
from .pictures import CONCEPTS, FEATURES, TAGS, Collection
from .simulation import simulate


class MirFlickrConfig(DatasetConfig):
    """Where the files are, which split, and what becomes of pictures without labels or tags."""

    root: Folder | None = Field(
        None, description="Folder of flickr_data.tar.gz: image, text, splits and labels.npy; none: simulated pictures."
    )
    split: int = Field(1, ge=1, le=5, description="Which of the five splits of the labelled pictures.")
    unlabelled: int | None = Field(
        None,
        ge=0,
        description="Unlabelled training rows at most, the first ones; none: 25,000 of the files, or as many "
        "simulated ones as train with labels.",
    )
    min_tags: int = Field(2, ge=0, description="Unlabelled pictures with fewer tags are left out.")
    tags: Literal["binary", "counts"] = Field(
        "binary", description="Whether a tag is there (Bernoulli), or how often (Poisson)."
    )
    untagged: Literal["zeros", "missing"] = Field(
        "zeros", description="Whether a picture without any tag has all tags at 0, or lacks the modality."
    )
    pictures: int = Field(2_500, ge=50, description="Simulated labelled pictures, where there is no root.")
    seed: int = Field(0, ge=0, description="Of simulated pictures.")


class MirFlickr(Dataset):
    """MIR-Flickr: 3,857 features of a picture, 2,000 tags, and 38 concepts as a label of several answers.

    ``image`` has global descriptors (GIST, MPEG-7) and visual words (PHOW), standardised with training statistics;
    ``tags`` are yes or no. The label ``concept`` has 24 concepts and 14 of them in a strict sense; the files number and
    do not name them. Unlabelled pictures with two tags or more are training rows whose labels are unknown (−1), for
    methods that begin with them; ``unlabelled=0`` leaves them out. The five splits (10,000/5,000/10,000) are those that
    are published. Networks are those of "Discriminative multimodal learning via conditional priors": four hidden layers
    of 1,024 with softplus and dropout 0.2.

    Without ``root`` pictures are simulated, and every result says so: concepts that come together in scenes make
    features and tags, and each has causes of its own (see ``simulation.py``). Dimensions and the number of tags per
    picture are the real ones, the number of pictures is smaller.
    """

    Config = MirFlickrConfig
    citation = (
        "M. J. Huiskes, M. S. Lew: The MIR Flickr Retrieval Evaluation, MIR 2008. N. Srivastava, R. Salakhutdinov: "
        "Multimodal Learning with Deep Boltzmann Machines, NeurIPS 2012. R. A. Mancisidor, M. Kampffmeyer, K. Aas, "
        "R. Jenssen: Discriminative multimodal learning via conditional priors in generative models, Neural Networks "
        "2024."
    )
    licence = "Pictures under Creative Commons licences of their authors; features and tags for research."
    defaults = {"model": {"latent_dim": 1024, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-4}}

    def modalities(self) -> dict[str, Modality]:
        """A vector, and tags under their names."""
        network: dict[str, Any] = {"hidden": (1024,) * 4, "activation": "softplus", "dropout": 0.2}
        files = self._files()
        names = read_vocabulary(files.vocabulary) if files else tuple(f"tag{number:04d}" for number in range(TAGS))
        tags = {"shape": (TAGS,), "columns": names, **network}
        return {
            "image": VectorModality(shape=(FEATURES,), likelihood="normal", **network),
            "tags": TagsModality(**tags, top=10)
            if self.config.tags == "binary"
            else CountsModality(likelihood="poisson", **tags),
        }

    def sources(self) -> list[Path]:
        """All files of the split, and those of unlabelled pictures where these are wanted."""
        files = self._files()
        return files.every() if files else []

    def splits(self) -> Splits:
        """Read or simulate the pictures; unlabelled ones come after the labelled ones in training."""
        config, files = self.config, self._files()
        if files:
            read_vocabulary(files.vocabulary)
            collection, limit = read_collection(files), 25_000 if config.unlabelled is None else config.unlabelled
        else:
            limit = config.pictures * 2 // 5 if config.unlabelled is None else config.unlabelled
            collection = simulate(
                config.pictures, limit * 3 // 2 + 20 if limit else 0, config.split, config.seed
            )  # enough where some are left out
        unlabelled = (
            np.zeros(0, dtype=np.int64)
            if collection.unlabelled is None
            else collection.unlabelled.find_tagged(config.min_tags)[:limit]
        )
        tables = {
            side: self._table(collection, collection.splits[side], unlabelled if side == "train" else unlabelled[:0])
            for side in SIDES
        }
        sizes = "/".join(f"{len(collection.splits[side]):,}" for side in SIDES)
        summary = (
            f"{sizes} {'' if files else 'simulated '}labelled pictures of split {config.split}, and "
            f"{len(unlabelled):,} unlabelled ones in training"
        )
        provenance = (
            Provenance("real", summary, str(config.root))
            if files
            else Provenance("simulated", f"{summary}, seed {config.seed}")
        )
        concepts = tuple(f"concept {number}" for number in range(1, CONCEPTS + 1))
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance,
            labels={"concept": concepts},
            facts={"split": config.split, "unlabelled": len(unlabelled)},
        )

    def _files(self) -> Files | None:
        return find_files(self.config.root, self.config.split, self.config.unlabelled != 0)

    def _table(self, collection: Collection, rows: np.ndarray, unlabelled: np.ndarray) -> Table:
        """Labelled and then unlabelled pictures."""
        features, tags = collection.labelled.gather(rows)
        labels = collection.labels[rows]
        if collection.unlabelled is not None and len(unlabelled):
            more_features, more_tags = collection.unlabelled.gather(unlabelled)
            features, tags = np.concatenate([features, more_features]), np.concatenate([tags, more_tags])
            labels = np.concatenate([labels, np.full((len(unlabelled), CONCEPTS), -1)])
        if len(wrong := np.flatnonzero(~np.isfinite(features.sum(1)))):
            where = (
                f"labelled picture {rows[wrong[0]]}"
                if wrong[0] < len(rows)
                else f"unlabelled picture {unlabelled[wrong[0] - len(rows)]}"
            )
            raise DataError(
                f"The features of {where} (from 0) in {self.config.root} hold something that is not a finite number."
            )
        available = torch.ones(len(features), 2, dtype=torch.bool)
        if self.config.untagged == "missing":
            available[:, 1] = torch.from_numpy(tags.any(1))
        return Table.of(
            {
                "image": torch.from_numpy(features),
                "tags": torch.from_numpy(np.minimum(tags, 1) if self.config.tags == "binary" else tags),
            },
            available=available,
            labels={"concept": torch.from_numpy(labels)},
            rows=torch.from_numpy(np.concatenate([rows, len(collection.labels) + unlabelled])),
        )

    @classmethod
    def toy(cls) -> MirFlickr:
        """A hundred simulated labelled pictures and twenty others."""
        return cls(MirFlickrConfig(pictures=100, unlabelled=20))
