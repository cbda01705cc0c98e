"""Honest splits: groups stay whole, and every class keeps its share."""

from __future__ import annotations

import numpy as np


def split_rows(
    count: int,
    *,
    test: float,
    val: float,
    seed: int,
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Row numbers of ``train``, ``val`` and ``test``.

    Args:
        count: How many rows there are.
        test: Share of the rows held out for testing, within each stratum.
        val: Share held out for validation.
        seed: Of the draw.
        groups: Rows with the same value stay on one side; every row is its own group by default.
        strata: Classes ``[count]`` that each keep their share on every side; a group counts with its most frequent class.
    """
    groups = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    strata = np.zeros(count, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(groups)
    votes = np.zeros((len(sizes), strata.max(initial=0) + 1), dtype=np.int64)
    np.add.at(votes, (groups, strata), 1)
    side = np.zeros(len(sizes), dtype=np.int64)  # of each group: 0 train, 1 val, 2 test
    generator = np.random.default_rng(seed)
    for stratum in range(votes.shape[1]):
        members = generator.permutation(np.flatnonzero(votes.argmax(1) == stratum))
        if len(members) == 0:
            continue
        middle = (np.cumsum(sizes[members]) - sizes[members] / 2) / sizes[members].sum()
        side[members] = np.where(middle < test, 2, np.where(middle < test + val, 1, 0))
    return {name: np.flatnonzero(side[groups] == number) for number, name in enumerate(("train", "val", "test"))}
