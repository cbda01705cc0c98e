"""The dataset ``mnist-svhn``: a handwritten digit and a street number of the same class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmgen import DataError, Dataset, ImageModality, Modality, Provenance, Splits
from mmgen.data.sides import SIDES
from mmgen_plugin_vision.digits import CLASSES, Digits, digit_files, load_digits
from mmgen_plugin_vision.street_numbers import load_street_numbers, street_number_files

from .config import MnistSvhnConfig
from .released import draw_released_sides, find_released, read_digits
from .tuples import draw_sides, make_pools, make_tables


class MnistSvhn(Dataset):
    """MNIST-SVHN: a handwritten digit beside a street number of the same class; 80,000 training and 20,000 test tuples
    of the official files.

    Tuples are drawn at random from the pairing of MMVAE (Shi et al. 2019: thirty permutations of both halves, digit by
    digit), as "Discriminative multimodal learning via conditional priors" does, once from a seed. Where the folder of
    that paper's released code is at hand (``root``), its index files are the pairing. Networks are that paper's: one
    hidden layer of 400 on flat pixels, with softplus and dropout 0.2; ``mnist`` is Bernoulli, ``svhn`` normal with a
    predicted variance. Deviations: pixels are divided by 255 (the released code scales each feature, training and test
    apart); validation tuples have images of their own.
    """

    Config = MnistSvhnConfig
    version = 2
    citation = (
        "Y. Shi, N. Siddharth, B. Paige, P. Torr: Variational Mixture-of-Experts Autoencoders for Multi-Modal Deep "
        "Generative Models, NeurIPS 2019. R. A. Mancisidor, M. Kampffmeyer, K. Aas, R. Jenssen: Discriminative "
        "multimodal learning via conditional priors in generative models, Neural Networks 2024. Y. LeCun, L. Bottou, "
        "Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, 1998. Y. Netzer, T. Wang, "
        "A. Coates, A. Bissacco, B. Wu, A. Y. Ng: Reading Digits in Natural Images with Unsupervised Feature "
        "Learning, 2011."
    )
    licence = (
        "MNIST: CC BY-SA 3.0. SVHN: for non-commercial use only. scikit-learn's digits: CC BY 4.0. DejaVu, STIX and "
        "Computer Modern fonts: free."
    )
    defaults = {"model": {"latent_dim": 20, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-4}}

    def modalities(self) -> dict[str, Modality]:
        """Two pictures."""
        network: dict[str, Any] = {"network": "mlp", "hidden": (400,), "activation": "softplus", "dropout": 0.2}
        predicted = {"name": "normal", "scale": 0.3, "scale_kind": "predicted"}
        return {
            "mnist": ImageModality(shape=(1, 28, 28), **network, likelihood="bernoulli"),
            "svhn": ImageModality(shape=(3, 32, 32), **network, likelihood=predicted, output="sigmoid"),
        }

    def sources(self) -> list[Path]:
        """Idx, .mat and .npy files, as far as they are there."""
        paths, folder = find_released(self.config.root)
        if folder:
            return [*(path for of_part in paths.values() for path in of_part.values()), *street_number_files(folder)]
        return [*digit_files(self.config.digits), *street_number_files(self.config.svhn)]

    def splits(self) -> Splits:
        """Read or make the halves, hold out validation images, and join the rest."""
        config = self.config
        paths, folder = find_released(config.root)
        if folder:
            digits, numbers = _read_released(paths, str(config.root)), load_street_numbers(folder)
        else:
            download = config.download and config.digits is not None
            digits = load_digits(config.digits, download=download, seed=config.seed)
            download = config.download and config.svhn is not None
            numbers = load_street_numbers(config.svhn, download=download, seed=config.seed, count=config.rendered)
        real = digits.kind == numbers.kind == "real"
        images = [(part[0][:, None], part[1]) for part in (digits.train, digits.test)]
        pools = {
            "mnist": make_pools(images[0], images[1], config.val_fraction, config.seed),
            "svhn": make_pools(numbers.train, numbers.test, config.val_fraction, config.seed),
        }
        counts = config.counts("mnist-svhn", real=real)
        if folder:
            sides = draw_released_sides(paths, pools, counts, config.val_fraction, config.seed)
        else:
            sides = draw_sides(pools, counts, config.val_fraction, config.repeats, config.seed)
        pairing = "index files" if folder else f"drawn with seed {config.seed}, {config.repeats} repetitions"
        tables = make_tables(pools, sides)
        sizes = "/".join(f"{len(sides[side][0]):,}" for side in SIDES)
        provenance = Provenance(
            "real" if real else "stand-in",
            f"{sizes} tuples; {digits.summary}; {numbers.summary}; pairing {pairing}",
            "; ".join(dict.fromkeys((digits.source, numbers.source))),
        )
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance,
            labels={"digit": CLASSES},
            facts={"pairing": pairing},
        )

    @classmethod
    def toy(cls) -> MnistSvhn:
        """A hundred tuples of embedded and rendered digits."""
        return cls(MnistSvhnConfig(rendered=(80, 20), train_tuples=100, test_tuples=40, val_fraction=0.25))


def _read_released(paths: Mapping[str, dict[str, Path]], source: str) -> Digits:
    """The handwritten digits of the released code."""
    train, test = (read_digits(paths[part]) for part in ("train", "test"))
    if np.array_equal(train[0], test[0]):
        raise DataError(
            f"{paths['test']['images']} holds the same images as {paths['train']['images']}; copy the test file again."
        )
    return Digits(train, test, "real", f"{len(train[1]):,}/{len(test[1]):,} MNIST digits", source)
