"""The datasets ``polymnist`` and ``translated-polymnist``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from mmgen import Dataset, ImageModality, Modality, Provenance, Splits, Table
from mmgen_plugin_vision.digits import CLASSES, digit_files

from .backgrounds import photograph_files
from .config import PolyMNISTConfig, TranslatedPolyMNISTConfig
from .construction import SIDE
from .making import make_tuples
from .official import Tuples, download, find_official, folder_names, open_official, read_official


class PolyMNIST(Dataset):
    """One digit, written by somebody else on another photograph in each modality: images of 3×28×28 pixels.

    Source: Sutter, Daunhawer and Vogt 2021, "Generalized Multimodal ELBO".
    """

    Config = PolyMNISTConfig
    version = 2
    title: ClassVar[str] = "PolyMNIST"
    citation = (
        "T.M. Sutter, I. Daunhawer, J.E. Vogt: Generalized Multimodal ELBO. ICLR 2021. Images: Zenodo record 4899160."
    )
    licence = "CC BY 4.0 (Zenodo record 4899160)"
    defaults = {"model": {"latent_dim": 64}, "training": {"epochs": 50, "batch_size": 256, "learning_rate": 5e-4}}

    def modalities(self) -> dict[str, Modality]:
        """Images with the convolutional networks of the paper."""
        return {name: ImageModality(shape=(3, SIDE, SIDE), network="conv", bottleneck=True) for name in self._names()}

    def _names(self) -> list[str]:
        return [f"m{m}" for m in range(self.config.modalities)]

    def sources(self) -> list[Path]:
        """Official images (their folders, where there is a file for each), or idx files and photographs."""
        config = self.config
        if config.root is None:
            return [*digit_files(config.digits), *photograph_files(config.backgrounds, config.modalities)]
        images_folder = find_official(config.root, folder_names(config.digit_scale), config.modalities)
        return [] if images_folder is None else images_folder.sources()

    def splits(self) -> Splits:
        """Official images, or images made by the published construction."""
        config = self.config
        if config.root is None:
            sides, provenance, facts = make_tuples(config, self.title)
        else:
            sides, provenance, facts = self._official(config.root)
        first, tables = 0, {}
        for side in ("train", "val", "test"):
            tables[side] = self._table(sides[side], first)
            first += len(tables[side])
        return Splits(
            tables["train"], tables["val"], tables["test"], provenance, labels={"digit": CLASSES}, facts=facts
        )

    def _official(self, root: Path) -> tuple[dict[str, Tuples], Provenance, dict[str, Any]]:
        config, names = self.config, folder_names(self.config.digit_scale)
        if config.download and find_official(root, names, config.modalities) is None:
            download(root)
        folder = open_official(root, names, config.modalities)
        sides = read_official(folder, config.val_fraction, config.max_tuples, config.seed)
        counts = "/".join(f"{len(sides[side].digits):,}" for side in ("train", "val", "test"))
        return sides, Provenance("real", f"{counts} tuples of the official {self.title} images", str(folder.root)), {}

    def _table(self, tuples: Tuples, first: int) -> Table:
        """A table with rows numbered from ``first``."""
        images = {
            name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in zip(self._names(), tuples.images)
        }
        rows = torch.arange(first, first + len(tuples.digits))
        return Table.of(images, labels={"digit": torch.from_numpy(tuples.digits)}, rows=rows)

    @classmethod
    def toy(cls) -> PolyMNIST:
        """40 training tuples of two modalities, made from embedded digits and photographs."""
        return cls(cls.Config(modalities=2, repeats=1, max_tuples=40))


class TranslatedPolyMNIST(PolyMNIST):
    """PolyMNIST with digits that are smaller and anywhere in the image, which no pixel-wise average can represent.

    Source: Daunhawer, Sutter, Chin-Cheong, Palumbo and Vogt 2022, "On the Limitations of Multimodal VAEs".
    """

    Config = TranslatedPolyMNISTConfig
    title = "Translated-PolyMNIST"
    citation = (
        "I. Daunhawer, T.M. Sutter, K. Chin-Cheong, E. Palumbo, J.E. Vogt: On the Limitations of Multimodal VAEs. "
        "ICLR 2022."
    )
    licence = ""

    def modalities(self) -> dict[str, Modality]:
        """Images with residual networks."""
        return {name: ImageModality(shape=(3, SIDE, SIDE), network="resnet") for name in self._names()}
