"""The dataset ``mhd``: image, trajectory, sound and label of a digit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

import torch

from mmgen import (
    Dataset,
    ImageModality,
    LabelsModality,
    Modality,
    Provenance,
    Splits,
    Table,
    VectorModality,
    split_rows,
)

from .config import MHDConfig
from .files import MARKER, POINTS, Part, find_files, read_part
from .standin import write_files

DIGITS = tuple(str(digit) for digit in range(10))


class MHD(Dataset):
    """Multimodal Handwritten Digits: the image of a digit, the trajectory of the pen, a spectrogram of the spoken word,
    and the label, which is a modality too.

    Image and trajectory are of one hand; the voice is any that says the same digit. A spectrogram has 32 bands and 96
    frames, put together from the three parts of the file. Likelihoods and weights are those of the released Nexus: the
    squared error of image and trajectory (normal with variance ½), weights 1 and 50, and 50 for the label. Deviations:
    the label is categorical (there ten Bernoullis of a one-hot code), and the sound, which that code encodes with a
    network that was trained before, has a normal likelihood whose scale is learned.

    Without the official files, digits are written and spoken here, in their layout.

    Source: Vasco, Yin, Melo and Paiva 2022 (Nexus), section 5.
    """

    Config = MHDConfig
    citation = (
        "M. Vasco, H. Yin, F. S. Melo, A. Paiva: Leveraging hierarchy in multimodal generative models for effective "
        "cross-modality inference. Neural Networks 146, 238-255, 2022."
    )
    licence = "The files: see their page. Nothing is needed for digits that are written here."
    defaults: ClassVar[dict[str, Any]] = {
        "model": {"latent_dim": 32, "beta": 1.0},
        "training": {"epochs": 100, "batch_size": 64, "learning_rate": 1e-3},
    }

    def modalities(self) -> dict[str, Modality]:
        """Networks of about the published sizes."""
        squared = {"name": "normal", "scale": 0.5**0.5}
        columns = tuple(f"{axis}_{point}" for axis in "xy" for point in range(POINTS))
        return {
            "image": ImageModality(shape=(1, 28, 28), network="conv", channels=(32, 64), likelihood=squared),
            "trajectory": VectorModality(
                shape=(2 * POINTS,),
                columns=columns,
                hidden=(512, 512, 512),
                transform="none",
                likelihood=squared,
                weight=50.0,
            ),
            "sound": ImageModality(
                shape=(1, 32, 96),
                network="conv4",
                channels=(32, 64, 64, 128),
                likelihood={"name": "normal", "scale": 0.1, "scale_kind": "learned", "least_scale": 0.01},
            ),
            "label": LabelsModality(shape=(1,), categories=DIGITS, hidden=(128, 128, 128), weight=50.0),
        }

    def sources(self) -> list[Path]:
        """The two files, and the mark of written ones."""
        root = self.config.root
        return [] if root is None else [*find_files(root).values(), root / MARKER]

    def splits(self) -> Splits:
        """Read the files, or write digits into a temporary folder and read that."""
        if self.config.root is not None:
            return self._read(self.config.root)
        with tempfile.TemporaryDirectory(prefix="mmgen-mhd-") as folder:
            write_files(Path(folder), self.config.written, self.config.seed)
            return self._read(Path(folder))

    @classmethod
    def toy(cls) -> MHD:
        """Eighty written digits."""
        return cls(MHDConfig(written=(60, 20)))

    def _read(self, folder: Path) -> Splits:
        parts = {side: read_part(path) for side, path in find_files(folder).items()}
        train = _table(parts["train"], 0)
        test = _table(parts["test"], len(train))
        held = split_rows(
            len(train),
            test=0,
            val=self.config.val_fraction,
            seed=self.config.seed,
            strata=parts["train"].digits.numpy(),
        )
        sides = {side: train.select(torch.from_numpy(held[side])) for side in ("train", "val")} | {"test": test}
        sizes = "/".join(f"{len(table):,}" for table in sides.values())
        if (folder / MARKER).exists():
            source = "mmgen-plugin-mhd" if self.config.root is None else str(folder)
            provenance = Provenance(
                "stand-in", f"{sizes} digits written and spoken by rules, in the layout of MHD", source
            )
        else:
            provenance = Provenance("real", f"{sizes} digits of MHD", str(folder))
        return Splits(
            sides["train"],
            sides["val"],
            sides["test"],
            provenance,
            labels={"digit": DIGITS},
            facts={"ranges": parts["train"].ranges},
        )


def _table(part: Part, start: int) -> Table:
    """Four modalities and a label; rows are numbered over both files."""
    data = {**part.values, "label": part.digits[:, None]}
    return Table.of(data, labels={"digit": part.digits}, rows=start + torch.arange(len(part.digits)))
