"""How many rows of every stratum go to each side: whole numbers, as near to the wanted shares as these can be."""

from __future__ import annotations

import numpy as np

EXACT = 1e-9  # so that the floor of 0.7 · 10 is 7


def side_totals(count: int, shares: np.ndarray) -> np.ndarray:
    """``count`` rows by ``shares`` ``[3]`` that sum to one: the floors, and one more for the largest remainders.

    Of equal remainders the smaller share has the row.
    """
    exact = count * shares
    totals = np.floor(exact + EXACT).astype(np.int64)
    order = np.lexsort((shares, -np.round(exact - totals, 9)))
    totals[order[: count - totals.sum()]] += 1
    return totals


def stratum_totals(sizes: np.ndarray, totals: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Rows of each stratum on each side, ``[S, 3]``: rows sum to ``sizes`` ``[S]``, columns to ``totals`` ``[3]``.

    The sides are training, validation and test. Every stratum has a training row, if there are that many. A number is
    at most one off the stratum's exact part of a side; of equally good roundings one is drawn.
    """
    exact = fractional_rows(sizes, totals)
    rows = np.floor(exact + EXACT).astype(np.int64)
    remainders, leftovers = np.maximum(exact - rows, 0), sizes - rows.sum(1)
    train, val, test = totals - rows.sum(0)
    single, double = (
        leftovers == 1,
        leftovers == 2,
    )  # how many rows of each stratum are still to be given, each to another side
    ties = generator.random(len(sizes))
    # Training rows first, to the largest remainders. So many of the strata that have two to give must have one of
    # them there that the other two sides can take the rest.
    order = np.lexsort((ties, -np.round(remainders[:, 0], 9), leftovers == 0))
    fewest = max(double.sum() - val, double.sum() - test, train - single.sum())
    number = min(max(double[order[:train]].sum(), fewest), double.sum())
    trained = np.concatenate([order[double[order]][:number], order[single[order]][: train - number]])
    rows[trained, 0] += 1
    # Of the others, strata that have two to give have one validation and one test row; the rest have either.
    either = single.copy()
    either[trained] = double[trained]
    both = double & ~either
    order = np.lexsort((ties, -np.round(remainders[:, 1] - remainders[:, 2], 9), ~either))
    rows[both, 1] += 1
    rows[order[: val - both.sum()], 1] += 1
    rows[:, 2] = sizes - rows[:, 0] - rows[:, 1]
    return rows


def fractional_rows(sizes: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """What each stratum would have on each side if rows could be cut, ``[S, 3]``: its share of every side.

    Where its share of the training rows is less than a row, it has one, and the larger strata so much less.
    """
    if len(sizes) >= totals[0]:
        train = np.full(len(sizes), totals[0] / max(len(sizes), 1))
    else:
        small = np.zeros(len(sizes), dtype=bool)
        while True:
            share = (totals[0] - small.sum()) / max(sizes[~small].sum(), 1)
            below = ~small & (sizes * share < 1 - EXACT)
            if not below.any():
                break
            small |= below
        train = np.where(small, 1.0, sizes * share)
    val = totals[1] / max(totals[1] + totals[2], 1)
    return np.stack([train, (sizes - train) * val, (sizes - train) * (1 - val)], 1)
