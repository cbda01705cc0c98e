"""Values as people see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Rendering:
    """A value as people see it.

    ``picture``: an array ``[height, width]`` or ``[height, width, 3]`` in [0, 1]; ``raster``: an array ``[rows,
    columns]`` of any range; ``bars``: a list of numbers; ``text``: a string.

    >>> from mmgen import Rendering
    >>> Rendering("text", "liver").content
    'liver'
    """

    kind: Literal["picture", "raster", "bars", "text"]
    content: Any


def side_by_side(panels: Sequence[np.ndarray]) -> np.ndarray:
    """One grey picture of several, row after row in an arrangement that is about square, with a white line between.

    Args:
        panels: Arrays ``[height, width]`` in [0, 1]; smaller ones are centred in the place of the largest.
    """
    if len(panels) == 1:
        return panels[0]
    height, width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    picture = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1))
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        top = row * (height + 1) + (height - panel.shape[0]) // 2
        left = column * (width + 1) + (width - panel.shape[1]) // 2
        picture[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return picture
