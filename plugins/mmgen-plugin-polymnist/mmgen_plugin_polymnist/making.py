"""Making the images: digits and photographs to tuples, for every side of the split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmgen import Provenance, split_rows
from mmgen.data.sides import SIDES
from mmgen_plugin_vision.digits import load_digits

from .backgrounds import SHORTER, photograph_files, read_photograph
from .config import PolyMNISTConfig
from .construction import make_images, make_plan
from .official import Tuples

EMBEDDED_REPEATS = (
    4  # with it, classifiers of scikit-learn's few digits see enough crops of each photograph to read through it
)


def make_tuples(config: PolyMNISTConfig, title: str) -> tuple[dict[str, Tuples], Provenance, dict[str, Any]]:
    """The tuples of every side, backgrounds they come from, and what is worth keeping.

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
    rows = split_rows(len(labels), test=0, val=config.val_fraction, seed=config.seed, strata=labels)
    pools = {side: (images[rows[side]], labels[rows[side]]) for side in ("train", "val")} | {"test": digits.test}
    sides = {}
    for number, side in enumerate(SIDES):
        streams = [np.random.default_rng([config.seed, number, m]) for m in range(len(photographs))]
        sides[side] = _make_side(side, pools[side], photographs, streams, repeats, config.max_tuples, scale)
    uses = f", each used {repeats} times" if repeats > 1 else ""
    backgrounds = (
        "photographs that scikit-image and scikit-learn ship"
        if config.backgrounds is None
        else f"photographs of {config.backgrounds}"
    )
    size = f" (scale {scale:g})" if config.digit_scale else ""
    summary = f"{title}{size} made by the published construction from {digits.summary}{uses}, on {backgrounds}"
    facts = {
        "repeats": repeats,
        "photographs": [path.name for path in files],
        "digits": {side: len(pools[side][1]) for side in SIDES},
    }
    return sides, Provenance("stand-in", summary, digits.source), facts


def _make_side(
    side: str,
    digits: tuple[np.ndarray, np.ndarray],
    photographs: Sequence[np.ndarray],
    streams: Sequence[np.random.Generator],
    repeats: int,
    limit: int | None,
    scale: float,
) -> Tuples:
    """The tuples of one side.

    Args:
        side: Its name, for the progress bar.
        digits: Images uint8 ``[n, 28, 28]`` and their classes ``[n]``.
        photographs: The background of each modality.
        streams: Random numbers of each modality, so that m0 is the same with two modalities and with ten.
        repeats: How often a digit is used per modality.
        limit: At most so many tuples; none: all.
        scale: Of the digits.
    """
    images, labels = digits
    modalities, classes = [], labels[:0]
    for m, (photograph, draw) in enumerate(zip(photographs, streams)):
        plan, classes = make_plan(labels, repeats, limit, photograph.shape[:2], scale, draw)
        modalities.append(make_images(images, photograph, plan, scale, f"making m{m} of {side}"))
    return Tuples(modalities, classes)
