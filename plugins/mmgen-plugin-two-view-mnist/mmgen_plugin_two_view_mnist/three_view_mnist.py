"""The dataset ``three-view-mnist``: a handwritten digit, a turned one and a street number, all of one class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmgen import Dataset, ImageModality, Modality, Provenance, Splits
from mmgen.data.sides import SIDES
from mmgen_plugin_vision.digits import CLASSES, Digits, digit_files, load_digits
from mmgen_plugin_vision.street_numbers import load_street_numbers, street_number_files

from .config import ThreeViewMnistConfig
from .official import find_official, read_official
from .tuples import Pool, draw_sides, make_pools, make_tables
from .views import LARGEST, rotated_images


class ThreeViewMnist(Dataset):
    """Three-view MNIST: ``original``, ``rotated`` and ``svhn``, matched by class; 30,000 training and 7,000 test tuples
    of the official files.

    Both scenarios of "Discriminative multimodal learning via conditional priors" (classify from ``original``, or from
    ``original`` and ``rotated``) use these data; which modalities are observed is an option of the objective. The
    turned image is of another handwritten digit than ``original``, except by chance. Every likelihood is Bernoulli, as
    in that paper; pictures of digits have its three hidden layers of 1,024 with softplus and dropout 0.2, ``svhn`` its
    four convolutions. Deviations: the released code takes the first turned images of each class, here they are drawn;
    turned images stay at 28×28 pixels (there padded to 32×32 for the shared convolutions of the decoder); validation
    tuples have images of their own.

    Turned images from ``MNIST.mat`` (option ``rotated``) bring their own splits: the handwritten image behind one in
    training may then be an ``original`` in validation. Test images are other people's in any case.
    """

    Config = ThreeViewMnistConfig
    version = 2
    citation = (
        "R. A. Mancisidor, M. Kampffmeyer, K. Aas, R. Jenssen: Discriminative multimodal learning via conditional "
        "priors in generative models, Neural Networks 2024. W. Wang, R. Arora, K. Livescu, J. Bilmes: On Deep "
        "Multi-View Representation Learning, ICML 2015. Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based "
        "learning applied to document recognition, 1998. Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. "
        "Ng: Reading Digits in Natural Images with Unsupervised Feature Learning, 2011."
    )
    licence = (
        "MNIST: CC BY-SA 3.0. SVHN: for non-commercial use only. scikit-learn's digits: CC BY 4.0. DejaVu, STIX and "
        "Computer Modern fonts: free."
    )
    defaults = {"model": {"latent_dim": 50, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-4}}

    def modalities(self) -> dict[str, Modality]:
        """Three pictures."""
        digit: dict[str, Any] = {
            "shape": (1, 28, 28),
            "network": "mlp",
            "hidden": (1024, 1024, 1024),
            "activation": "softplus",
            "dropout": 0.2,
        }
        return {
            "original": ImageModality(**digit, likelihood="bernoulli"),
            "rotated": ImageModality(**digit, likelihood="bernoulli"),
            "svhn": ImageModality(shape=(3, 32, 32), network="conv4", likelihood="bernoulli"),
        }

    def sources(self) -> list[Path]:
        """Idx, .mat and pickle files, as far as they are there."""
        config = self.config
        return [*digit_files(config.digits), *find_official(config.rotated), *street_number_files(config.svhn)]

    def splits(self) -> Splits:
        """Read or make the three halves, hold out validation images, and join the rest."""
        config = self.config
        digits = load_digits(config.digits, download=config.download and config.digits is not None, seed=config.seed)
        download = config.download and config.svhn is not None
        numbers = load_street_numbers(config.svhn, download=download, seed=config.seed, count=config.rendered)
        rotated, how = self._rotated(digits)
        images = [(part[0][:, None], part[1]) for part in (digits.train, digits.test)]
        pools = {
            "original": make_pools(images[0], images[1], config.val_fraction, config.seed),
            "rotated": rotated,
            "svhn": make_pools(numbers.train, numbers.test, config.val_fraction, config.seed),
        }
        real = digits.kind == numbers.kind == "real"
        sides = draw_sides(
            pools, config.counts("three-view-mnist", real=real), config.val_fraction, config.repeats, config.seed
        )
        sizes = "/".join(f"{len(sides[side][0]):,}" for side in SIDES)
        summary = f"{sizes} tuples; {digits.summary}; {how}; {numbers.summary}; joined with seed {config.seed}"
        source = "; ".join(dict.fromkeys((digits.source, numbers.source)))
        tables = make_tables(pools, sides)
        provenance = Provenance("real" if real else "stand-in", summary, source)
        return Splits(tables["train"], tables["val"], tables["test"], provenance, labels={"digit": CLASSES})

    def _rotated(self, digits: Digits) -> tuple[dict[str, Pool], str]:
        """The turned images of every side, and where they are from; made ones are on the side of their original."""
        config = self.config
        paths = find_official(config.rotated)
        if paths:
            order = config.pixel_order
            views, _ = read_official(paths, None if order == "auto" else order == "columns")
            pools = {
                side: Pool(view.rotated[:, None], view.digits, int(view.origin[0])) for side, view in views.items()
            }
            return pools, f"turned digits of {paths[0].name}"
        turned = []
        for number, (images, codes) in enumerate((digits.train, digits.test)):
            draw = np.random.default_rng([config.seed, len(SIDES), number])
            turned.append((rotated_images(images, draw.uniform(-LARGEST, LARGEST, len(images)))[:, None], codes))
        return make_pools(turned[0], turned[1], config.val_fraction, config.seed), "the same digits turned by up to 45°"

    @classmethod
    def toy(cls) -> ThreeViewMnist:
        """A hundred tuples of embedded and rendered digits."""
        return cls(ThreeViewMnistConfig(rendered=(80, 20), train_tuples=100, test_tuples=40, val_fraction=0.25))
