"""Honest splits: groups stay whole, every class keeps its share, and so does every side."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from .apportionment import EXACT, side_totals, stratum_totals
from .sides import SIDES


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

    The sides have their shares of all rows to within one row (with groups: one group), and within each stratum as
    nearly as that allows. Every class has training rows and every wanted side has rows where there are as many rows or
    groups. A single group is for training; of two, one is held out, for the larger of the two shares.

    Args:
        count: How many rows there are.
        test: Share of the rows held out for testing.
        val: Share held out for validation.
        seed: Of the draw.
        groups: Rows with the same value stay on one side; every row is its own group by default.
        strata: Classes ``[count]`` that each keep their share on every side; unknown ones, −1, are like another class.
            A group counts with its most frequent class.

    Returns:
        For each side its row numbers, sorted int64 ``[n]``.

    Raises:
        DataError: Shares that leave nothing to train on.

    >>> import numpy as np
    >>> from mmgen import split_rows
    >>> {side: len(rows) for side, rows in split_rows(100, test=0.2, val=0.1, seed=0).items()}
    {'train': 70, 'val': 10, 'test': 20}
    >>> sides = split_rows(6, test=0.3, val=0, seed=0, groups=np.array([0, 0, 1, 1, 2, 2]))
    >>> [len(rows) for rows in sides.values()]  # groups stay whole
    [4, 0, 2]
    """
    if not (test >= 0 and val >= 0 and test + val < 1):
        raise DataError(
            f"Shares of {test:g} for testing and {val:g} for validation leave nothing to train on, or are below 0."
        )
    shares = np.array([1 - test - val, val, test])
    if count == 0:
        return {name: np.zeros(0, dtype=np.int64) for name in SIDES}
    row_group = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    row_class = np.zeros(count, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    stratum = row_class if groups is None else _most_frequent(row_group, row_class)
    side = _draw_sides(np.bincount(row_group), stratum, shares, np.random.default_rng(seed))
    return {name: np.flatnonzero(side[row_group] == number) for number, name in enumerate(SIDES)}


def _draw_sides(
    sizes: np.ndarray, stratum: np.ndarray, shares: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The side of every group as its place in :data:`SIDES`, ``[G]``.

    Args:
        sizes: Rows of each group, ``[G]``.
        stratum: Of each group, ``[G]``.
        shares: Of the sides, ``[3]``.
        generator: Random numbers.
    """
    order = _shuffle_within(stratum, generator)
    # A kind of groups: those of one stratum and one size, which differ in nothing that matters here.
    base = sizes.max() + 1
    kinds, kind, counts = np.unique(stratum * base + sizes, return_inverse=True, return_counts=True)
    numbers = _share_out(kinds // base, kinds % base, counts, shares, generator)
    order = order[np.argsort(kind[order], kind="stable")]
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)  # of each group in its kind
    test, held_out = numbers[kind[order], 2], numbers[kind[order], 1:].sum(1)
    side = np.empty(len(sizes), dtype=np.int64)
    side[order] = np.where(place < test, 2, np.where(place < held_out, 1, 0))
    return side


def _most_frequent(group: np.ndarray, row_class: np.ndarray) -> np.ndarray:
    """The class that most rows of each group have, of several the first: ``[G]``."""
    classes = row_class.max() + 1
    pairs, times = np.unique(group * classes + row_class, return_counts=True)
    order = np.lexsort((-(pairs % classes), times, pairs // classes))  # the most frequent class is a group's last
    most_frequent = np.empty(group.max() + 1, dtype=np.int64)
    most_frequent[pairs[order] // classes] = pairs[order] % classes
    return most_frequent


def _shuffle_within(stratum: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The groups stratum by stratum, those of each in a random order."""
    order = np.argsort(stratum, kind="stable")
    borders = np.concatenate([[0], np.flatnonzero(np.diff(stratum[order])) + 1, [len(order)]])
    several = np.flatnonzero(np.diff(borders) > 1)
    for start, end in zip(borders[several].tolist(), borders[several + 1].tolist()):
        generator.shuffle(order[start:end])
    return order


def _share_out(
    stratum: np.ndarray,
    size: np.ndarray,
    counts: np.ndarray,
    shares: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """How many groups of each kind, of which there are ``counts``, go to each side: ``[kinds, 3]``."""
    rows = np.bincount(stratum, size * counts).astype(np.int64)
    totals = side_totals(int(rows.sum()), shares)
    stratum_deficits = stratum_totals(rows, totals, generator)  # rows that each stratum should still get on each side
    numbers = np.floor(counts[:, None] * stratum_deficits[stratum] / rows[stratum, None] + EXACT).astype(np.int64)
    side_deficits = totals - size @ numbers
    np.subtract.at(stratum_deficits, stratum, size[:, None] * numbers)
    remaining = np.repeat(np.arange(len(counts)), counts - numbers.sum(1))  # at most two groups of a kind
    remaining = remaining[np.lexsort((generator.random(len(remaining)), -size[remaining]))]
    has_training = np.bincount(stratum, numbers[:, 0]) > 0

    def give(kind: int, side: int) -> None:
        numbers[kind, side] += 1
        side_deficits[side] -= size[kind]
        stratum_deficits[stratum[kind], side] -= size[kind]

    others = []
    for kind in remaining[::-1].tolist():  # first, small before large, a training group for each class that has none
        if not has_training[stratum[kind]] and size[kind] <= side_deficits[0]:
            has_training[stratum[kind]] = True
            give(kind, 0)
        else:
            others.append(kind)
    for kind in reversed(others):
        # Where it fits, to the side that its stratum lacks most; where it fits nowhere, to the side that needs most.
        # So a side has too much only when each of them needs less than the group that does it, and in the end none
        # is off by a whole group.
        fits = [side for side in (2, 1, 0) if side_deficits[side] >= size[kind]]
        deficits = stratum_deficits[stratum[kind]]
        give(kind, max(fits, key=lambda side: deficits[side]) if fits else int(side_deficits.argmax()))
    _fill(numbers, stratum, size, side_deficits, shares)
    return numbers


def _fill(numbers: np.ndarray, stratum: np.ndarray, size: np.ndarray, deficits: np.ndarray, shares: np.ndarray) -> None:
    """Give every wanted side that has nothing a group of a side that has several, or for training of any."""
    for side in (0, *((2, 1) if shares[2] >= shares[1] else (1, 2))):
        if shares[side] == 0 or numbers[:, side].any():
            continue
        is_only = np.bincount(stratum, numbers[:, 0])[stratum] == 1  # kinds that hold the one training group of a class
        moves = [
            (
                bool(is_only[kind]) and other == 0,
                abs(deficits[other] + size[kind]) + abs(deficits[side] - size[kind]),
                kind,
                other,
            )
            for other in range(3)
            if numbers[:, other].sum() > (side > 0)
            for kind in np.flatnonzero(numbers[:, other]).tolist()
        ]
        if moves:
            _, _, kind, other = min(moves)
            numbers[kind, other] -= 1
            numbers[kind, side] += 1
            deficits[other] += size[kind]
            deficits[side] -= size[kind]
