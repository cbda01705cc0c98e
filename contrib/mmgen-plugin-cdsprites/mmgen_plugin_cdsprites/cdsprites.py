"""The dataset ``cdsprites``: pictures of sprites, and their captions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from mmgen import Dataset, ImageModality, Modality, Provenance, Splits, Table, TextModality, split_rows
from mmgen.data.sides import SIDES

from .attributes import ALPHABET, LEVELS, VALUES, all_captions, caption_codes, caption_labels, caption_length
from .config import CdSpritesConfig
from .official import find_file, read_file
from .painting import PUBLISHED, paint, share_out
from .sprites import ARCHIVE, SIDE, draw_sprites, read_sprites
from .textures import draw_textures, read_textures, texture_files


class CdSprites(Dataset):
    """CdSprites+: a picture of one sprite, and a caption that names its attributes; five levels of difficulty.

    Level 1 names the shape, 2 also the size, 3 the colour, 4 the position and 5 the background. Every attribute is a
    label, so coherence is measured for each. Without the official file pictures are made by the rules of the released
    generator: sprites of dSprites in six colours, 30,000 of every level in equal shares of its captions, textured from
    level 3 and with a textured background at level 5. Likelihoods are the toolkit's: Bernoulli for pictures (its
    cross-entropy), categorical for characters, both with weight 1.

    Deviations: of the pictures a tenth is for testing and another one for validation (the toolkit tests on those that
    it validates on), and equal pictures stay on one side. Blanks after a caption count, unless ``mask_padding`` is set.
    The toolkit reshapes pictures from height × width × colour to colour × height × width, which moves pixels to other
    places; here axes are moved. Its networks, a ResNet-50 pretrained on photographs and transformers of characters,
    are convolutions and a multilayer perceptron over embedded characters here.

    Source: Sejnova, Vavrecka and Stepanova 2024; dSprites: Matthey et al. 2017.
    """

    Config = CdSpritesConfig
    citation = (
        "G. Sejnova, M. Vavrecka, K. Stepanova: Benchmarking Multimodal Variational Autoencoders: CdSprites+ Dataset "
        "and Toolkit. arXiv 2209.03048, 2024. L. Matthey, I. Higgins, D. Hassabis, A. Lerchner: dSprites: "
        "Disentanglement testing Sprites dataset, 2017. M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed, A. Vedaldi: "
        "Describing Textures in the Wild, CVPR 2014."
    )
    licence = (
        "The official files: CC BY-NC-SA 4.0. dSprites: zlib. Describable Textures: for research. Nothing is needed "
        "for drawn sprites and textures."
    )
    defaults: ClassVar[dict[str, Any]] = {
        "model": {"latent_dim": 16, "beta": 1.0},
        "training": {"epochs": 250, "batch_size": 24, "learning_rate": 1e-4},
    }

    def modalities(self) -> dict[str, Modality]:
        """A picture and the characters of its caption."""
        return {
            "image": ImageModality(
                shape=(3, SIDE, SIDE), network="conv4", channels=(32, 64, 64, 128, 256), likelihood="bernoulli"
            ),
            "text": TextModality(
                shape=(caption_length(self.config.level),), alphabet=ALPHABET, pad=" ", hidden=(256, 256)
            ),
        }

    def sources(self) -> list[Path]:
        """The official file, or what pictures are made from."""
        config = self.config
        if config.root is not None:
            return [find_file(config.root, config.level)]
        archive = [] if config.dsprites is None else [config.dsprites / ARCHIVE]
        return [*archive, *(texture_files(config.textures) if config.level > 2 else [])]

    def splits(self) -> Splits:
        """Read or make pictures, and split them by caption; equal pictures stay on one side."""
        config = self.config
        pictures, captions, provenance = self._read() if config.root is not None else self._make()
        prints = [hashlib.blake2b(each.tobytes(), digest_size=16).digest() for each in pictures]
        groups = np.unique(np.array(prints, dtype="V16"), return_inverse=True)[1].reshape(-1)
        table = Table.of(
            {
                "image": torch.from_numpy(pictures),
                "text": torch.from_numpy(caption_codes(config.level, config.mask_padding)[captions]),
            },
            labels={name: torch.from_numpy(codes[captions]) for name, codes in caption_labels(config.level).items()},
            groups=torch.from_numpy(groups),
        )
        sides = split_rows(
            len(table),
            test=config.test_fraction,
            val=config.val_fraction,
            seed=config.seed,
            groups=groups,
            strata=captions,
        )
        train, val, test = (table.select(torch.from_numpy(sides[side])) for side in SIDES)
        labels = {name: VALUES[name] for name in LEVELS[config.level]}
        facts = {"level": config.level, "captions": len(all_captions(config.level)), "pictures": len(table)}
        return Splits(train, val, test, provenance, labels=labels, facts=facts)

    @classmethod
    def toy(cls) -> CdSprites:
        """Two hundred and forty pictures of level 3."""
        return cls(CdSpritesConfig(count=240, drawn_textures=10))

    def _read(self) -> tuple[np.ndarray, np.ndarray, Provenance]:
        config = self.config
        assert config.root is not None
        path = find_file(config.root, config.level)
        pictures, captions = read_file(path, config.level)
        total = len(pictures)
        if config.count is not None and config.count < total:
            keep = split_rows(total, test=config.count / total, val=0, seed=config.seed, strata=captions)["test"]
            pictures, captions = pictures[keep], captions[keep]
        what = f"{len(pictures):,} of the {total:,} pictures of CdSprites+, level {config.level}, the published file"
        return pictures, captions, Provenance("simulated", what, str(path))

    def _make(self) -> tuple[np.ndarray, np.ndarray, Provenance]:
        config = self.config
        folder, textured = config.dsprites, config.level > 2
        captions = share_out(config.level, config.count or PUBLISHED)
        textures, parts = (
            None,
            ["sprites drawn by the factors of dSprites" if folder is None else "sprites of dSprites"],
        )
        if textured and config.textures is None:
            textures = draw_textures(config.drawn_textures, config.seed)
            parts.append(f"{len(textures):,} drawn textures")
        elif textured and config.textures is not None:
            textures = read_textures(config.textures)
            parts.append(f"{len(textures):,} textures of {config.textures}")
        pictures = paint(
            config.level,
            captions,
            draw_sprites if folder is None else lambda factors: read_sprites(folder, factors),
            textures,
            np.random.default_rng([config.seed, 0]),
        )
        drawn = folder is None or (textured and config.textures is None)
        what = (
            f"{len(pictures):,} pictures made by the rules of CdSprites+, level {config.level}, with seed "
            f"{config.seed}, from {' and '.join(parts)}"
        )
        return pictures, captions, Provenance("stand-in" if drawn else "simulated", what, "mmgen-plugin-cdsprites")
