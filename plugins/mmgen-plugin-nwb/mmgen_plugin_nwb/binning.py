"""Spikes and signals in the bins of trials."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def count_spikes(times: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many spikes are in each bin, ``[trials, bins]``: from its first edge on, and before its last.

    Args:
        times: In seconds, in any order.
        edges: Of the bins, ``[trials, bins + 1]``, ascending.
    """
    return np.diff(np.searchsorted(np.sort(times), edges, side="left"), axis=1)


def is_covered(intervals: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Whether each trial lies within one of the ``intervals`` ``[K, 2]`` in which a unit was observed: ``[trials]``."""
    starts, ends = edges[:, :1], edges[:, -1:]
    slack = 1e-9 * np.maximum(np.abs(ends), 1)  # of times that were added up
    return ((intervals[:, 0] <= starts + slack) & (intervals[:, 1] >= ends - slack)).any(1)


def average_samples(
    times: np.ndarray, read: Callable[[slice], np.ndarray], channels: int, edges: np.ndarray
) -> np.ndarray:
    """The mean of a signal's samples in each bin, ``[trials, bins, channels]``.

    A bin without a sample has the value of the line between the samples around it, at its middle; before the first and
    after the last sample of the signal it is NaN. Samples that are NaN are not counted.

    Args:
        times: Of the samples, in seconds, ascending.
        read: Gives the samples ``[n, channels]`` of a slice of them.
        channels: Of the signal.
        edges: Of the bins, ``[trials, bins + 1]``, ascending.
    """
    trials, bins = edges.shape[0], edges.shape[1] - 1
    means = np.full((trials, bins, channels), np.nan)
    places = np.searchsorted(times, edges, side="left")
    for trial in range(trials):
        first = max(int(places[trial, 0]) - 1, 0)  # with a sample before and one after, for lines
        last = min(int(places[trial, -1]) + 1, len(times))
        if first >= last:
            continue
        samples, within = read(slice(first, last)), times[first:last]
        for number in range(bins):
            inside = samples[places[trial, number] - first : places[trial, number + 1] - first]
            known = ~np.isnan(inside)
            if len(inside):
                counts = known.sum(0)
                sums = np.where(known, inside, 0).sum(0)
                means[trial, number] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
                continue
            middle = (edges[trial, number] + edges[trial, number + 1]) / 2
            if within[0] <= middle <= within[-1]:
                means[trial, number] = [np.interp(middle, within, channel) for channel in samples.T]
    return means
