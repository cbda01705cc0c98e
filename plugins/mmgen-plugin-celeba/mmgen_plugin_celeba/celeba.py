"""The dataset ``celeba``: faces, and the text of their attributes."""

from __future__ import annotations

from pathlib import Path

import torch

from mmgen import Dataset, ImageModality, Modality, Splits, TextModality

from .attributes import ALPHABETS, ATTRIBUTES, LENGTH, PAD, encode_texts, texts
from .config import CelebAConfig
from .files import Files, find_files
from .lists import read_text
from .pictures import SIDE
from .sides import Lists, answers, files_of, opened, provenance_of, read_lists, read_sides


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
        paths = files_of(self.config)
        text = find_files(self.config.root).text if paths and self.config.root is not None else None
        return [*paths, *([text] if text else [])]

    def splits(self) -> Splits:
        """Read the files, which are downloaded if wanted, or draw faces into a temporary folder and read that."""
        config = self.config
        with opened(config) as (files, source):
            lists = read_lists(files)
            codes = torch.from_numpy(encode_texts(self._texts(files, lists), config.alphabet))
            tables = read_sides(files, config, lists, {"text": codes}, answers(lists.present, ATTRIBUTES), crop=148)
            provenance = provenance_of(files, source, tables, _origin(files), config)
        train, val, test = (tables[side] for side in ("train", "val", "test"))
        return Splits(
            train,
            val,
            test,
            provenance,
            labels={"attributes": ATTRIBUTES},
            facts={
                "text": "made from the attributes" if files.text is None else files.text.name,
                "test_partition": config.test_partition,
            },
        )

    @classmethod
    def toy(cls) -> CelebA:
        """Forty drawn faces."""
        return cls(CelebAConfig(count=40))

    def _texts(self, files: Files, lists: Lists) -> list[str]:
        if files.text is None:
            return texts(lists.present, self.config.seed)
        return read_text(files.text, lists.images, files.attributes, lists.present, self.config.alphabet)


def _origin(files: Files) -> str:
    if files.text is None:
        return "texts made from their attributes by the published rule"
    return "their attribute texts"
