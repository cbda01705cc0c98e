"""What a model that was trained for minutes can do already, from validation rows, before anybody evaluates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MmgenError
from .subsets import MEAN

if TYPE_CHECKING:
    from ..runs import Run

FEWEST = 50  # validation rows of which something can be said
HALF = 0.5  # of the way from chance to what classifiers find in real rows


def prospects(run: Run) -> str | None:
    """Whether classes are found in what is generated of other modalities, in a sentence; None where there are no images
    with classes, or too few validation rows.

    What is measured is the metric ``coherence`` of targets that are not given. Its classifiers serve evaluations too.

    Args:
        run: Just trained, with its data.
    """
    evaluation = run.evaluation(split="val") if len(run.data.val) >= FEWEST else None
    if evaluation is None or not evaluation.has_images or len(evaluation.targets) < 2:
        return None
    try:
        rows = run.measurements(metrics=["coherence"], evaluation=evaluation, keep=False, coherence={"given": False})
    except MmgenError:  # as where the metric has nothing to judge by
        return None
    for label, codes in evaluation.labels().items():
        found = [row for row in rows if row["label"] == label and row["target"] == MEAN]
        cross = {row["given"]: row["value"] for row in found if row["measure"] == "cross"}
        real = [row["value"] for row in found if row["measure"] == "classifier"]
        if cross and real:
            known = codes[codes >= 0]
            return _sentence(label, cross, real[0], float(np.bincount(known).max() / len(known)))
    return None


def _sentence(label: str, cross: dict[str, Any], real: float, chance: float) -> str:
    """Of one label.

    Args:
        label: Its name.
        cross: How often it is right in what is generated, by how many modalities are given.
        real: How often classifiers find it in real rows.
        chance: How often the most frequent class is right.
    """
    said = ", ".join(f"{value:.2f} given {given}" for given, value in cross.items())
    sentence = (
        f"Validation rows: {label!r} is right in what is generated of other modalities in {said} (the most frequent "
        f"class: {chance:.2f}, in real rows: {real:.2f})."
    )
    if max(cross.values()) < chance + HALF * (real - chance):
        sentence += " It is not learned yet: --resume --minutes 10 goes on for ten more minutes."
    return sentence
