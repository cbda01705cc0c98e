"""Making the images: digits and photographs to tuples, for every side of the split."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmgen import Provenance, split_rows
from mmgen_plugin_vision.digits import load_digits

from .backgrounds import SHORTER, photograph_files, read_photograph
from .config import PolyMNISTConfig
from .construction import make_images, make_plan
from .official import Tuples

EMBEDDED_REPEATS = (
    4  # with it, classifiers of scikit-learn's few digits see enough crops of each photograph to read through it
)
SIDES = ("train", "val", "test")


def make_tuples(config: PolyMNISTConfig, title: str) -> tuple[dict[str, Tuples], Provenance, dict[str, Any]]:
    """The tuples of every side, where they come from, and what is worth keeping.

    The digits, not the tuples, are split: a digit that is in a validation or test image is in no training image,
    whatever modality it is in.

    Args:
        config: Options of either dataset.
        title: Of the dataset.
    """
    digits = load_digits(config.digits, download=config.download, seed=config.seed)
    files = photograph_files(config.backgrounds, config.modalities)
    photographs = [read_photograph(path, SHORTER if config.backgrounds is None else None) for path in files]
    repeats = config.repeats or (EMBEDDED_REPEATS if config.digits is None else 1)
    scale = config.digit_scale or 1.0
    images, labels = digits.train
    cut = split_rows(len(labels), test=0, val=config.val_fraction, seed=config.seed, strata=labels)
    parts = {side: (images[cut[side]], labels[cut[side]]) for side in ("train", "val")} | {"test": digits.test}
    sides = {}
    for number, side in enumerate(SIDES):
        images, labels = parts[side]
        made, classes = [], labels[:0]
        for m, photograph in enumerate(photographs):
            draw = np.random.default_rng(
                [config.seed, number, m]
            )  # of its own, so that m0 is the same with two modalities and with ten
            plan, classes = make_plan(labels, repeats, config.max_tuples, photograph.shape[:2], scale, draw)
            made.append(make_images(images, photograph, plan, scale, f"making m{m} of {side}"))
        sides[side] = Tuples(made, classes)
    uses = f", each used {repeats} times" if repeats > 1 else ""
    where = (
        "photographs that scikit-image and scikit-learn ship"
        if config.backgrounds is None
        else f"photographs of {config.backgrounds}"
    )
    size = f" (scale {scale:g})" if config.digit_scale else ""
    summary = f"{title}{size} made by the published construction from {digits.summary}{uses}, on {where}"
    facts = {
        "repeats": repeats,
        "photographs": [path.name for path in files],
        "digits": {side: len(parts[side][1]) for side in SIDES},
    }
    return sides, Provenance("stand-in", summary, digits.source), facts
