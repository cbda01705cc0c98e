"""The dataset ``two-view-mnist``: a turned digit, and another one of its class under noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmgen import Dataset, ImageModality, Modality, Provenance, Splits, Table, split_rows
from mmgen.data.sides import SIDES
from mmgen_plugin_vision.digits import CLASSES, digit_files, load_digits

from .config import TwoViewMnistConfig
from .official import TwoViews, find_official, read_official
from .views import make_views


class TwoViewMnist(Dataset):
    """Two-view MNIST: ``rotated``, a handwritten digit turned by up to 45°, and ``noisy``, another image of the same
    digit under uniform noise.

    What both share is the digit alone: angle and hand are the first view's own, noise and another hand the second's.
    The construction is that of Wang et al. 2015, the task (classify from ``rotated``, generate ``noisy``) also that of
    "Discriminative multimodal learning via conditional priors". Official files are read as they are: ``MNIST.mat``, or
    the pair of pickle files (without running anything that they hold). Otherwise the views are made once from plain
    MNIST with a fixed seed: bilinear rotation, black outside, partners of the same split. Networks are the last paper's
    prior and decoder: three hidden layers of 1,024 with softplus and dropout 0.2; ``rotated`` is Bernoulli, as in VCCA
    (Wang et al. 2017), ``noisy`` normal with a variance that the decoder predicts.
    """

    Config = TwoViewMnistConfig
    version = 2
    citation = (
        "W. Wang, R. Arora, K. Livescu, J. Bilmes: On Deep Multi-View Representation Learning, ICML 2015. R. A. "
        "Mancisidor, M. Kampffmeyer, K. Aas, R. Jenssen: Discriminative multimodal learning via conditional priors "
        "in generative models, Neural Networks 2024. Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based "
        "learning applied to document recognition, 1998."
    )
    licence = "MNIST: CC BY-SA 3.0. scikit-learn's digits: CC BY 4.0."
    defaults = {"model": {"latent_dim": 50, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-4}}

    def modalities(self) -> dict[str, Modality]:
        """Two pictures of 28×28 pixels."""
        network = {
            "shape": (1, 28, 28),
            "network": "mlp",
            "hidden": (1024, 1024, 1024),
            "activation": "softplus",
            "dropout": 0.2,
        }
        predicted = {"name": "normal", "scale": 0.3, "scale_kind": "predicted"}
        return {
            "rotated": ImageModality(**network, likelihood="bernoulli"),
            "noisy": ImageModality(**network, likelihood=predicted, output="sigmoid"),
        }

    def sources(self) -> list[Path]:
        """The official files, or the idx files that views are made from."""
        return find_official(self.config.root) or digit_files(self.config.digits)

    def splits(self) -> Splits:
        """Read the views, or make them; rows of one turned image are a group."""
        paths = find_official(self.config.root)
        if paths:
            order = self.config.pixel_order
            sides, columns = read_official(paths, None if order == "auto" else order == "columns")
            sizes = "/".join(f"{len(views.digits):,}" for views in sides.values())
            provenance = Provenance(
                "real", f"{sizes} pairs of {' and '.join(path.name for path in paths)}", str(self.config.root)
            )
            facts = {"pixel_order": "columns" if columns else "rows"}
        else:
            sides, provenance = self._make_sides()
            facts = {}
        start, tables = 0, {}
        for side in SIDES:
            tables[side] = _table(sides[side], start)
            start += len(tables[side])
        return Splits(
            tables["train"], tables["val"], tables["test"], provenance, labels={"digit": CLASSES}, facts=facts
        )

    def _make_sides(self) -> tuple[dict[str, TwoViews], Provenance]:
        config = self.config
        loaded = load_digits(config.digits, download=config.download, seed=config.seed)
        (images, digits), test = loaded.train, loaded.test
        held = split_rows(len(digits), test=0, val=config.val_fraction, seed=config.seed, strata=digits)
        draws = {side: np.random.default_rng([config.seed, number]) for number, side in enumerate(SIDES)}
        sides = {
            side: make_views(images, digits, held[side], config.repeats if side == "train" else 1, draws[side])
            for side in ("train", "val")
        }
        views = make_views(*test, np.arange(len(test[1])), 1, draws["test"])
        sides["test"] = TwoViews(views.rotated, views.noisy, views.digits, len(digits) + views.origin)
        sizes = "/".join(f"{len(views.digits):,}" for views in sides.values())
        return sides, Provenance(
            loaded.kind, f"{sizes} pairs made with seed {config.seed} from {loaded.summary}", loaded.source
        )

    @classmethod
    def toy(cls) -> TwoViewMnist:
        """Pairs of scikit-learn's digits."""
        return cls()


def _table(views: TwoViews, start: int) -> Table:
    return Table.of(
        {
            name: torch.from_numpy(np.ascontiguousarray(images))[:, None]
            for name, images in (("rotated", views.rotated), ("noisy", views.noisy))
        },
        labels={"digit": torch.from_numpy(views.digits)},
        rows=start + torch.arange(len(views.digits)),
        groups=torch.from_numpy(views.origin),
    )
