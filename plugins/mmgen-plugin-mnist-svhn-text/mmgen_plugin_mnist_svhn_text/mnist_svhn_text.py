"""The dataset ``mnist-svhn-text``: handwritten digit, street-number digit and English word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from mmgen import Dataset, ImageModality, Indexed, Modality, Provenance, Splits, Table, TextModality
from mmgen_plugin_vision.digits import Digits, digit_files, load_digits
from mmgen_plugin_vision.street_numbers import StreetNumbers, load_street_numbers, street_number_files

from .config import DESK, MnistSvhnTextConfig
from .digit_names import ALPHABET, LENGTH, WORDS, write_words
from .index_files import find_index_files
from .pairing import Pairing
from .sides import make_sides, thin_sides


class MnistSvhnText(Dataset):
    """MNIST-SVHN-Text: three views of a digit, paired once from a seed.

    The pairing is that of MMVAE (Shi et al. 2019), the text that of MoPoE-VAE (Sutter et al. 2021), as are networks and
    weights. Deviations: the pairing and the places of the words are drawn once and kept (the released code draws them
    anew at every start, and at every access); a tenth of the training images is held out for validation before they are
    paired, so that no image is on two sides.
    """

    Config = MnistSvhnTextConfig
    version = 2
    citation = (
        "T. M. Sutter, I. Daunhawer, J. E. Vogt: Generalized Multimodal ELBO, ICLR 2021. Y. Shi, N. Siddharth, B. "
        "Paige, P. Torr: Variational Mixture-of-Experts Autoencoders for Multi-Modal Deep Generative Models, NeurIPS "
        "2019. Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, "
        "1998. Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng: Reading Digits in Natural Images with "
        "Unsupervised Feature Learning, 2011."
    )
    licence = (
        "MNIST: CC BY-SA 3.0. SVHN: for non-commercial use only. scikit-learn's digits: CC BY 4.0. DejaVu, STIX and "
        "Computer Modern fonts: free."
    )
    defaults = {
        "model": {"latent_dim": 32, "beta": 1.0},
        "training": {"batch_size": 256, "learning_rate": 5e-4},
        # The classes are called as the words are.
        "metrics": {"text": {"remove_blanks": True}, "coherence": {"text": "words"}},
    }

    def modalities(self) -> dict[str, Modality]:
        """Networks and weights of MoPoE-VAE: each likelihood weighs as if it had the 3,072 values of SVHN."""
        return {
            "mnist": ImageModality(
                shape=(1, 28, 28), network="mlp", hidden=(400,), output="sigmoid", weight=3072 / 784
            ),
            "svhn": ImageModality(shape=(3, 32, 32), network="conv4"),
            "text": TextModality(shape=(LENGTH,), alphabet=ALPHABET, pad=" ", network="conv", weight=3072 / LENGTH),
        }

    def sources(self) -> list[Path]:
        """Idx files, .mat files and index files, as far as they are there."""
        folders = self.config.folders()
        return [
            *digit_files(folders["mnist"]),
            *street_number_files(folders["svhn"]),
            *find_index_files(self.config.root).values(),
        ]

    def splits(self) -> Splits:
        """Read or make the halves, hold out validation images, pair the rest, and write the words."""
        config = self.config
        folders = config.folders()
        digits = load_digits(
            folders["mnist"], download=config.download and folders["mnist"] is not None, seed=config.seed
        )
        numbers = load_street_numbers(
            folders["svhn"],
            download=config.download and folders["svhn"] is not None,
            seed=config.seed,
            count=config.rendered,
        )
        halves: dict[str, Digits | StreetNumbers] = {"mnist": digits, "svhn": numbers}
        real = digits.kind == numbers.kind == "real"
        labels = {half: {"train": loaded.train[1], "test": loaded.test[1]} for half, loaded in halves.items()}
        published = find_index_files(config.root)
        pairings, dropped = make_sides(
            labels,
            published,
            repeats=config.repeats,
            val_fraction=config.val_fraction,
            use_all=not real if config.use_all is None else config.use_all,
            seed=config.seed,
        )
        limit = DESK if config.max_tuples is None and not real else config.max_tuples
        thinned = thin_sides(pairings, labels, limit, config.seed)
        facts = {
            "pairing": "index files" if published else f"drawn with seed {config.seed}, {config.repeats} repetitions",
            "images_per_digit": {side: list(pairing.per_digit) for side, pairing in pairings.items()},
            "tuples": {side: len(pairing) for side, pairing in pairings.items()},
            "tuples_kept": {side: len(pairing) for side, pairing in thinned.items()},
            "tuples_dropped": dropped,
        }
        tables = _make_tables(thinned, halves, config.seed)
        summary = f"{digits.summary}; {numbers.summary}; English words, generated; pairing {facts['pairing']}"
        source = "; ".join(dict.fromkeys((digits.source, numbers.source)))
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            Provenance("real" if real else "stand-in", summary, source),
            labels={"digit": WORDS},
            facts=facts,
        )

    @classmethod
    def toy(cls) -> MnistSvhnText:
        """Some fifty tuples of embedded digits and a hundred rendered ones."""
        return cls(MnistSvhnTextConfig(rendered=(80, 20), repeats=1, val_fraction=0.25))


def _make_tables(
    sides: Mapping[str, Pairing], halves: Mapping[str, Digits | StreetNumbers], seed: int
) -> dict[str, Table]:
    """The table of every side; rows are numbered over all sides."""
    start, tables = 0, {}
    for number, (side, pairing) in enumerate(sides.items()):
        part = "test" if side == "test" else "train"
        images = {half: getattr(loaded, part)[0] for half, loaded in halves.items()}
        digits = getattr(halves["mnist"], part)[1][pairing.mnist]
        offset = len(halves["mnist"].train[1]) if side == "test" else 0
        tables[side] = _table(pairing, images, digits, np.random.default_rng([seed, number]), start, offset)
        start += len(pairing)
    return tables


def _table(
    pairing: Pairing,
    images: dict[str, np.ndarray],
    digits: np.ndarray,
    draw: np.random.Generator,
    start: int,
    offset: int,
) -> Table:
    """One side: every image once, and an index for each tuple. Tuples of one handwritten image are a group."""
    mnist, svhn = (torch.from_numpy(index) for index in (pairing.mnist, pairing.svhn))
    return Table.of(
        {
            "mnist": Indexed(torch.from_numpy(images["mnist"])[:, None], mnist).select(slice(None)),
            "svhn": Indexed(torch.from_numpy(images["svhn"]), svhn).select(slice(None)),
            "text": torch.from_numpy(write_words(digits, draw)),
        },
        labels={"digit": torch.from_numpy(digits)},
        rows=start + torch.arange(len(pairing)),
        groups=offset + mnist,
    )
