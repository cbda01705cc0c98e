"""The sets of values that likelihoods are for: which numbers belong to them, in words too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Support = Literal["real", "positive", "unit", "counts", "binary", "categories", "ordered"]


@dataclass(frozen=True)
class Values:
    """One such set.

    Attributes:
        words: What it is called in a sentence: "… is a likelihood of real numbers".
        required: The end of a sentence about a number outside: "… holds -2, and …".
        contains: Which of some finite numbers belong to it, ``[...]`` to ``bool [...]``.
        inside: A number that does, and at which every density of such values is finite; it stands in the place of cells
            that are not observed.
    """

    words: str
    required: str
    contains: Callable[[np.ndarray], np.ndarray]
    inside: float = 0.0


def _whole(x: np.ndarray) -> Any:
    return x == np.floor(x)


SUPPORTS: dict[Support, Values] = {
    "real": Values("real numbers", "a number is finite", np.isfinite),
    "positive": Values("positive numbers", "this likelihood is of numbers above 0", lambda x: x > 0, 1.0),
    "unit": Values(
        "numbers between 0 and 1",
        "this likelihood is of numbers between 0 and 1, without both",
        lambda x: (x > 0) & (x < 1),
        0.5,
    ),
    "counts": Values("counts", "a count is a whole number from 0 on", lambda x: (x >= 0) & _whole(x)),
    "binary": Values("yes/no answers", "such an answer is 0 or 1", lambda x: (x == 0) | (x == 1)),
    "categories": Values("categories", "the code of a category is a whole number from 0 on", lambda x: _whole(x)),
    "ordered": Values("ordered categories", "the code of a category is a whole number from 0 on", lambda x: _whole(x)),
}
CODES: tuple[Support, ...] = ("categories", "ordered")  # whose values are integer codes
