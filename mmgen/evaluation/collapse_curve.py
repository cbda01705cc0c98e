"""How many dimensions are collapsed, over where one draws the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """How many dimensions are collapsed.

    Attributes:
        name: What is compared with ε.
        levels: Values of ε, ``[points]``.
        shares: Share of the dimensions that are collapsed at each of them, ``[points]``.
        reported: That share at the ε that is reported.
        n: Rows.
    """

    name: str
    levels: np.ndarray
    shares: np.ndarray
    reported: float
    n: int
