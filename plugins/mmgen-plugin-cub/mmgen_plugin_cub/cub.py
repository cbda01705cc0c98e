"""The dataset ``cub``: pictures of birds, each with ten captions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Any, ClassVar

from mmgen import Dataset, ImageModality, Modality, Provenance, Splits, TextModality

from .colours import COLOURS, PARTS
from .config import CubConfig
from .files import CAPTIONS, MARKER, PER_IMAGE, SIDE, URL, fetch, find_folder, find_pictures, is_there, read_captions
from .rows import read_rows
from .standin import Bird, imagine_birds, stand_in_captions, stand_in_folder
from .tokens import END, LENGTH, PAD, UNKNOWN, tokens, vocabulary


@lru_cache(maxsize=4)
def _words(path: Path, size: int, time: int) -> tuple[tuple[str, ...], ...]:
    """The captions of a file in words; its size and time are part of the key, so that a changed file is read again."""
    return tuple(tuple(map(intern, tokens(line))) for line in read_captions(path))


class Cub(Dataset):
    """CUB image-captions: birds as 64×64 pictures and captions of up to 32 words, ten for each picture; the test
    classes are never trained on.

    A row is a caption with its picture. Labels are colours that the captions name (see ``colours.py``); the papers use
    none.

    Weights of the likelihoods: 1 for the picture and 384 = 12288/32 for the caption, so that both count alike (the rule
    of Sutter et al. 2021; the released code of Shi et al. 2019 has the same ratio). The paper does not print its own:
    try 1, 32 and 384 for ``modalities.caption.weight``.

    Source: Wah et al. 2011, captions by Reed et al. 2016, prepared by Shi et al. 2019; used as 64×64 pictures by
    "Mitigating the limitations of multimodal VAEs with coordination-based approach".
    """

    Config = CubConfig
    version = 2
    citation = (
        "C. Wah, S. Branson, P. Welinder, P. Perona, S. Belongie: The Caltech-UCSD Birds-200-2011 dataset, 2011. S. "
        "Reed, Z. Akata, H. Lee, B. Schiele: Learning deep representations of fine-grained visual descriptions, CVPR "
        "2016 (captions). Y. Shi, N. Siddharth, B. Paige, P. Torr: Variational mixture-of-experts autoencoders for "
        "multi-modal deep generative models, NeurIPS 2019 (archive)."
    )
    licence = (
        "The pictures belong to their photographers, for non-commercial research and education; nothing is needed "
        "for the drawn birds."
    )
    defaults: ClassVar[dict[str, Any]] = {
        "model": {"latent_dim": 64, "beta": 1.0},
        "training": {"epochs": 150, "batch_size": 256, "learning_rate": 5e-4},
        "metrics": {"coherence": {"trustworthy": 0.8}},  # the colour of a crown is a few pixels
    }

    def modalities(self) -> dict[str, Modality]:
        """A picture and a caption; the alphabet of the caption is read from the training captions."""
        return {
            "image": ImageModality(
                shape=(3, SIDE, SIDE),
                network="resnet",
                activated=True,
                likelihood={"name": "laplace", "scale": 0.75},
                weight=1.0,
            ),
            "caption": TextModality(
                shape=(LENGTH,),
                alphabet=self._alphabet(),
                joiner=" ",
                pad=PAD,
                end=END,
                unknown=UNKNOWN,
                network="sentence",
                weight=3 * SIDE * SIDE / LENGTH,
            ),
        }

    def sources(self) -> list[Path]:
        """The captions, all pictures, and the mark of a drawn folder; none before they are downloaded."""
        config = self.config
        if config.root is None or (config.download and not is_there(config.root)):
            return []
        folder = find_folder(config.root)
        pictures = [path for side in find_pictures(folder).values() for path in side.paths]
        return [*(folder / name for name in CAPTIONS.values()), folder / MARKER, *pictures]

    def splits(self) -> Splits:
        """Read the files, which are downloaded if wanted, or draw the birds and read those."""
        if self.config.root is not None:
            if self.config.download:
                fetch(self.config.root)
            return self._read(find_folder(self.config.root))
        with stand_in_folder(self._birds()) as folder:
            return self._read(folder)

    @classmethod
    def toy(cls) -> Cub:
        """Six drawn birds of six species."""
        return cls(CubConfig(species=6, images_per_species=1, val_fraction=0.25))

    def _birds(self) -> tuple[Bird, ...]:
        return imagine_birds(self.config.species, self.config.images_per_species, self.config.seed)

    def _captions(self, folder: Path, side: str) -> tuple[tuple[str, ...], ...]:
        path = folder / CAPTIONS[side]
        state = path.stat() if path.is_file() else None
        return _words(path, state.st_size if state else 0, state.st_mtime_ns if state else 0)

    def _alphabet(self) -> tuple[str, ...]:
        """Of all lines of the training captions, whatever the split and ``max_images``, as released."""
        if self.config.root is not None:
            return vocabulary(self._captions(find_folder(self.config.root), "train"))
        return vocabulary(tokens(line) for line in stand_in_captions(self._birds(), "train"))

    def _read(self, folder: Path) -> Splits:
        captions = {side: self._captions(folder, side) for side in CAPTIONS}
        tables, facts = read_rows(folder, self.config, captions, self._alphabet())
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            self._provenance(folder, sum(map(len, tables.values())) // PER_IMAGE),
            labels=dict.fromkeys(PARTS, COLOURS),
            facts=facts,
        )

    def _provenance(self, folder: Path, count: int) -> Provenance:
        how = {
            "classes": "test classes unseen in training",
            "train-classes": "tested on other pictures of the training classes",
            "captions": "test classes unseen in training, validated on other captions of its pictures",
        }[self.config.split]
        if (folder / MARKER).exists():
            source = "drawn and written by mmgen-plugin-cub" if self.config.root is None else str(folder)
            return Provenance(
                "stand-in", f"{count:,} parametric drawings of birds with ten generated captions each; {how}", source
            )
        return Provenance("real", f"{count:,} pictures of CUB-200-2011 with ten captions each; {how}", URL)
