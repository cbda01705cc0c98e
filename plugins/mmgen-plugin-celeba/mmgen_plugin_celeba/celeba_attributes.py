"""The dataset ``celeba-attributes``: faces, and their attributes as yes/no answers."""

from __future__ import annotations

from pathlib import Path

import torch

from mmgen import Dataset, ImageModality, Modality, Splits, TagsModality

from .attributes import ATTRIBUTES, VISIBLE
from .config import CelebAAttributesConfig
from .pictures import SIDE
from .sides import answers, files_of, opened, provenance_of, read_lists, read_sides


class CelebAAttributes(Dataset):
    """CelebA with attributes as a modality: a face of 64×64 pixels, and eighteen (or all forty) yes/no answers.

    The data of MVAE, and of MultiVae's ``CelebAttr``: the eighteen visually distinctive attributes, images reduced to a
    width of 64 pixels of which the middle is kept. Both modalities are Bernoulli, with weights 1 and 10 as in the
    released MVAE; its networks have convolutions of 32, 64, 128 and 256 channels and layers of 512, here without batch
    normalisation. The label ``attributes`` is the same answers, for coherence. Training, validation and test images are
    CelebA's, as there.

    Without ``root``, faces are drawn as for ``celeba``.

    Source: Wu and Goodman 2018 (MVAE), section 5; attributes chosen by Perarnau et al. 2016.
    """

    Config = CelebAAttributesConfig
    citation = (
        "Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild. ICCV 2015. M. Wu, N. Goodman: "
        "Multimodal generative models for scalable weakly-supervised learning. NeurIPS 2018. G. Perarnau, J. van de "
        "Weijer, B. Raducanu, J. M. Álvarez: Invertible conditional GANs for image editing, 2016."
    )
    licence = "CelebA: for non-commercial research only (see its page); nothing is needed for the drawn faces."
    defaults = {
        "model": {"latent_dim": 100, "beta": 1.0},
        "training": {"batch_size": 100, "learning_rate": 1e-4},
        "metrics": {"coherence": {"trustworthy": 0.8}},
    }

    def modalities(self) -> dict[str, Modality]:
        """Image and answers."""
        kept = self._kept
        return {
            "image": ImageModality(
                shape=(3, SIDE, SIDE), network="conv4", channels=(32, 64, 128, 256, 512), likelihood="bernoulli"
            ),
            "attributes": TagsModality(shape=(len(kept),), columns=kept, hidden=(512, 512), weight=10.0),
        }

    def sources(self) -> list[Path]:
        """The lists and the folder of the images."""
        return files_of(self.config)

    def splits(self) -> Splits:
        """Read the files, which are downloaded if wanted, or draw faces and read those."""
        config, kept = self.config, self._kept
        with opened(config) as (files, source):
            lists = read_lists(files)
            labels = answers(lists.present, kept)
            tables = read_sides(files, config, lists, {"attributes": labels.to(torch.uint8)}, labels, config.crop)
            provenance = provenance_of(files, source, tables, f"{len(kept)} attributes", config)
        train, val, test = (tables[side] for side in ("train", "val", "test"))
        facts = {"test_partition": config.test_partition}
        return Splits(train, val, test, provenance, labels={"attributes": kept}, facts=facts)

    @property
    def _kept(self) -> tuple[str, ...]:
        return VISIBLE if self.config.attributes == 18 else ATTRIBUTES

    @classmethod
    def toy(cls) -> CelebAAttributes:
        """Forty drawn faces."""
        return cls(CelebAAttributesConfig(count=40))
