"""On which side of the split each row of one's own is: as a column says, and drawn where none does."""

from __future__ import annotations

import numpy as np

from ..splitting import split_rows
from .row_options import RowOptions


def requested_shares(config: RowOptions, codes: np.ndarray | None) -> dict[str, float]:
    """The shares of the sides that are drawn: none of one that a column names."""
    present = set() if codes is None else set(codes.tolist())
    return {
        "val": 0.0 if 1 in present else config.val_fraction,
        "test": 0.0 if 2 in present else config.test_fraction,
    }


def draw_sides(
    config: RowOptions, strata: np.ndarray, groups: np.ndarray | None, codes: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Row numbers by side.

    Args:
        config: With the shares and the seed.
        strata: The class of each row, ``Int[N]``.
        groups: What belongs together, ``Int[N]``; None: nothing.
        codes: What a column says: 0, 1 or 2, ``Int[N]``; a side that it does not name is drawn from its training rows.
            None: there is no such column.
    """
    pool = np.arange(len(strata)) if codes is None else np.flatnonzero(codes == 0)
    drawn = split_rows(
        len(pool),
        **requested_shares(config, codes),
        seed=config.seed,
        groups=None if groups is None else groups[pool],
        strata=strata[pool],
    )
    sides = {side: pool[index] for side, index in drawn.items()}
    for code, side in ((1, "val"), (2, "test")):
        if codes is not None and (codes == code).any():
            sides[side] = np.flatnonzero(codes == code)
    return sides
