"""The dataset ``celeba``: faces, and the text of their attributes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from mmgen import (
    DataError,
    Dataset,
    ImageModality,
    Modality,
    Provenance,
    Splits,
    Table,
    TextModality,
    split_rows,
)

from .attributes import ALPHABETS, ATTRIBUTES, LENGTH, PAD, encode_texts, texts
from .config import CelebAConfig
from .files import MARKER, PAGE, Files, download, find_files, is_there
from .lists import read_attributes, read_partition, read_text
from .pictures import SIDE, read_images
from .standin import write_drawings

SIDES = {2: {"train": 0, "val": 1, "test": 2}, 1: {"train": 0, "test": 1}}


class CelebA(Dataset):
    """Bimodal CelebA: a face of 64×64 pixels, and the names of its attributes as a text of 256 characters.

    Images are cropped to the middle 148×148 pixels and reduced; texts name the attributes that are present, among
    asterisks, from a start that is drawn once; both as in Sutter et al. 2021, whose networks, likelihoods and weights
    are the defaults. The label ``attributes`` holds all forty. Deviation: the released code of that paper and of "Unity
    by Diversity" reports on partition 1, the validation images; the default here tests on partition 2, and
    ``test_partition=1`` does as they do.

    Without ``root``, faces are drawn from attributes in the layout of the files. Rows are images: who is on them, the
    files read here do not say.
    """

    Config = CelebAConfig
    version = 2
    citation = (
        "Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild. ICCV 2015. "
        "Text: T. M. Sutter, I. Daunhawer, J. E. Vogt: Generalized Multimodal ELBO. ICLR 2021."
    )
    licence = "CelebA: for non-commercial research only (see its page); nothing is needed for the drawn faces."
    defaults = {
        "model": {"latent_dim": 64, "beta": 1.0},
        "training": {"batch_size": 256, "learning_rate": 5e-4},
        # What a classifier reaches is a mean average precision of forty attributes, of which some are rare or faint.
        "metrics": {"coherence": {"trustworthy": 0.8}},
    }

    def modalities(self) -> dict[str, Modality]:
        """Image and text, with the networks, likelihoods and weights of Sutter et al. 2021."""
        return {
            "image": ImageModality(
                shape=(3, SIDE, SIDE),
                network="resnet-bn",
                likelihood={"name": "laplace", "scale": 0.75},
                weight=1 / 3,
            ),
            "text": TextModality(
                shape=(LENGTH,), alphabet=ALPHABETS[self.config.alphabet], pad=PAD, network="resnet", weight=16.0
            ),
        }

    def sources(self) -> list[Path]:
        """The lists and the folder of the images; none before they are downloaded.

        Of an image that is overwritten in place the cache learns nothing.
        """
        config = self.config
        if config.root is None or (config.download and not is_there(config.root)):
            return []
        files = find_files(config.root)
        return [
            files.attributes,
            files.partition,
            files.images,
            files.attributes.with_name(MARKER),
            *([files.text] if files.text else []),
        ]

    def splits(self) -> Splits:
        """Read the files, which are downloaded if wanted, or draw faces into a temporary folder and read that."""
        config = self.config
        if config.root is not None:
            if config.download:
                download(config.root)
            return self._read(find_files(config.root), str(config.root))
        with tempfile.TemporaryDirectory(prefix="mmgen-celeba-") as folder:
            write_drawings(Path(folder, "celeba"), config.count, config.seed)
            return self._read(find_files(Path(folder)), "mmgen_plugin_celeba.drawing")

    @classmethod
    def toy(cls) -> CelebA:
        """Forty drawn faces."""
        return cls(CelebAConfig(count=40))

    def _read(self, files: Files, source: str) -> Splits:
        config = self.config
        images, present = read_attributes(files.attributes)
        partition = read_partition(files.partition, images, files.attributes)
        written = self._texts(files, images, present)
        names, tables = list(images), {}
        for side, number in SIDES[config.test_partition].items():
            rows = np.flatnonzero(partition == number)[: config.max_rows]
            if len(rows) == 0:
                raise DataError(
                    f"{files.partition} puts no image into partition {number}, which is needed for the {side} split."
                )
            tables[side] = Table.of(
                {
                    "image": torch.from_numpy(
                        read_images(files.images, [names[row] for row in rows], files.attributes)
                    ),
                    "text": torch.from_numpy(encode_texts([written[row] for row in rows], config.alphabet)),
                },
                labels={"attributes": torch.from_numpy(present[rows].astype(np.int64))},
                rows=torch.from_numpy(rows),
            )
        if config.test_partition == 1:
            cut = split_rows(len(tables["train"]), test=0, val=0.1, seed=config.seed)
            tables |= {side: tables["train"].select(torch.from_numpy(cut[side])) for side in ("val", "train")}
        train, val, test = (tables[side] for side in ("train", "val", "test"))
        return Splits(
            train,
            val,
            test,
            self._provenance(files, source, tables),
            labels={"attributes": ATTRIBUTES},
            facts={
                "text": "made from the attributes" if files.text is None else files.text.name,
                "test_partition": config.test_partition,
            },
        )

    def _texts(self, files: Files, images: dict[str, int], present: np.ndarray) -> list[str]:
        if files.text is None:
            return texts(present, self.config.seed)
        return read_text(files.text, images, files.attributes, present, self.config.alphabet)

    def _provenance(self, files: Files, source: str, tables: dict[str, Table]) -> Provenance:
        sizes = "/".join(f"{len(tables[side]):,}" for side in ("train", "val", "test"))
        text = (
            "texts made from their attributes by the published rule" if files.text is None else "their attribute texts"
        )
        parity = (
            "; tested on partition 1, CelebA's validation images, as published results are"
            if self.config.test_partition == 1
            else ""
        )
        if files.stand_in:
            return Provenance(
                "stand-in",
                f"{sizes} parametric drawings of faces with {text}, not photographs, in the layout of CelebA{parity}.",
                source,
            )
        return Provenance("real", f"{sizes} images of CelebA with {text} ({PAGE}){parity}.", source)
