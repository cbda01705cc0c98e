"""The dataset ``mnist-labels``: a handwritten digit, and its label as a modality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmgen import Dataset, ImageModality, LabelsModality, Modality, Provenance, Splits, Table, split_rows
from mmgen_plugin_vision.digits import CLASSES, digit_files, load_digits

from .config import MnistLabelsConfig


class MnistLabels(Dataset):
    """MNIST-labels: ``image``, a handwritten digit, and ``label``, which of ten it is.

    The data of JMVAE and MVAE, and of MultiVae's ``MnistLabels``. Networks have the two layers of 512 of both papers;
    the image is Bernoulli, the label categorical with the weight 10 of the released MVAE. Deviations: with
    ``binarised`` every pixel is drawn once and kept (MultiVae draws it anew at every access, also in testing); a sixth
    of the training images of each digit is for validation.

    Source: Suzuki, Nakayama and Matsuo 2017 (JMVAE), section 4.1; Wu and Goodman 2018 (MVAE), section 5.1.
    """

    Config = MnistLabelsConfig
    citation = (
        "M. Suzuki, K. Nakayama, Y. Matsuo: Joint multimodal learning with deep generative models, ICLR workshop 2017. "
        "M. Wu, N. Goodman: Multimodal generative models for scalable weakly-supervised learning, NeurIPS 2018. Y. "
        "LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, 1998."
    )
    licence = "MNIST: CC BY-SA 3.0. scikit-learn's digits: CC BY 4.0."
    defaults = {"model": {"latent_dim": 64, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-3}}

    def modalities(self) -> dict[str, Modality]:
        """A picture and one of ten categories."""
        return {
            "image": ImageModality(shape=(1, 28, 28), network="mlp", hidden=(512, 512), likelihood="bernoulli"),
            "label": LabelsModality(shape=(1,), categories=CLASSES, hidden=(512, 512), weight=10.0),
        }

    def sources(self) -> list[Path]:
        """The idx files."""
        return digit_files(self.config.digits)

    def splits(self) -> Splits:
        """Read the digits and hold out validation images."""
        config = self.config
        loaded = load_digits(config.digits, download=config.download, seed=config.seed)
        train, test = (
            self._table(images, digits, start, part)
            for part, ((images, digits), start) in enumerate(((loaded.train, 0), (loaded.test, len(loaded.train[1]))))
        )
        held = split_rows(len(train), test=0, val=config.val_fraction, seed=config.seed, strata=loaded.train[1])
        val = train.select(torch.from_numpy(held["val"]))
        train = train.select(torch.from_numpy(held["train"]))
        drawn = f", with every pixel drawn once with seed {config.seed}" if config.binarised else ""
        provenance = Provenance(loaded.kind, f"{loaded.summary}, and their labels{drawn}", loaded.source)
        return Splits(train, val, test, provenance, labels={"digit": CLASSES})

    def _table(self, images: np.ndarray, digits: np.ndarray, start: int, part: int) -> Table:
        """One part of the files; rows are numbered over both."""
        pixels = torch.from_numpy(self._binarise(images, part) if self.config.binarised else images)[:, None]
        codes: Tensor = torch.from_numpy(digits)
        return Table.of(
            {"image": pixels, "label": codes[:, None]},
            labels={"digit": codes},
            rows=start + torch.arange(len(digits)),
        )

    def _binarise(self, images: np.ndarray, part: int) -> np.ndarray:
        """Each pixel white with the probability that is its grey level of 255, else black."""
        draw = np.random.default_rng([self.config.seed, part])
        return np.where(draw.random(images.shape) * 255 < images, 255, 0).astype(np.uint8)

    @classmethod
    def toy(cls) -> MnistLabels:
        """scikit-learn's digits."""
        return cls()
