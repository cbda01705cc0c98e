"""From recordings to rows: trials of rats are paired by odour, and each is cut into overlapping windows.

With bins of 10 ms and bin 200 at port entry, the published window of a rat is the 25 bins from its ``start``; inside it
lie 16 windows of 10 bins, one bin apart. A tuple is the i-th trial of an odour from every rat. The rats were recorded
on different days, so only the odour connects the trials of a tuple.

Source: "Unity by Diversity", appendix B.4, and the code released with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, Num, UInt8

from mmgen import DataError, Table, split_rows

BINS = 400
ENTRY = 200
WINDOW = 25
WIDTH = 10
WINDOWS = WINDOW - WIDTH + 1
ODOURS = ("A", "B", "C", "D")  # coded 1 to 4 in the files; 5 is odour E, which is left out


@dataclass(frozen=True)
class Rat:
    """How many neurons were recorded in a rat, and the bin where its published window starts."""

    neurons: int
    start: int


RATS = {
    "barat": Rat(92, 225),
    "buchanan": Rat(79, 225),
    "mitt": Rat(104, 250),
    "stella": Rat(49, 250),
    "superchris": Rat(46, 225),
}


@dataclass(frozen=True)
class Recording:
    """The trials of one rat, in the order in which they were recorded.

    ``odour`` is coded 1 to 5; the two names say where the spikes and the facts of the trials come from, for error
    messages.
    """

    spikes: Num[np.ndarray, "trials neurons bins"]
    odour: Int[np.ndarray, " trials"]
    correct: Bool[np.ndarray, " trials"]
    in_sequence: Bool[np.ndarray, " trials"]
    spikes_name: str
    trials_name: str


def pair_trials(
    recordings: Mapping[str, Recording], correct_only: bool
) -> tuple[Int[np.ndarray, " T"], dict[str, Int[np.ndarray, " T"]]]:
    """Odour (0 to 3) of every tuple, and for each rat the number of its trial in that tuple.

    Of each odour the first K trials of every rat are taken, where K is the smallest number that any rat has.
    """
    odours: list[np.ndarray] = []
    trials: dict[str, list[np.ndarray]] = {rat: [] for rat in recordings}
    for code, odour in enumerate(ODOURS):
        candidates = {rat: _trials_of(recording, code + 1, correct_only) for rat, recording in recordings.items()}
        for rat, numbers in candidates.items():
            if len(numbers) == 0:
                kind = "correct, in-sequence trial" if correct_only else "trial"
                raise DataError(
                    f"{recordings[rat].trials_name} has no {kind} of odour {odour} (code {code + 1}); "
                    "every rat needs at least one of each of the odours A, B, C and D."
                )
        count = min(len(numbers) for numbers in candidates.values())
        odours.append(np.full(count, code))
        for rat, numbers in candidates.items():
            trials[rat].append(numbers[:count])
    return np.concatenate(odours), {rat: np.concatenate(numbers) for rat, numbers in trials.items()}


def _trials_of(recording: Recording, code: int, correct_only: bool) -> Int[np.ndarray, " trials"]:
    selected = recording.odour == code
    return np.flatnonzero(selected & recording.correct & recording.in_sequence if correct_only else selected)


def cut_windows(
    recording: Recording, trials: Int[np.ndarray, " T"], start: int
) -> UInt8[np.ndarray, "T 16 neurons 10"]:
    """The 16 windows of each of the trials, as counts."""
    span = np.asarray(recording.spikes[trials, :, start : start + WINDOW])
    if not ((span >= 0) & (span <= 255) & (span == np.floor(span))).all():  # also false where a value is not a number
        raise DataError(
            f"{recording.spikes_name} holds values in bins {start} to {start + WINDOW - 1} that are not counts; "
            "each should be a whole number of spikes from 0 to 255."
        )
    windows = np.lib.stride_tricks.sliding_window_view(span.astype(np.uint8), WIDTH, axis=2)
    return windows.transpose(0, 2, 1, 3)


def paired_windows(recordings: Mapping[str, Recording], correct_only: bool = False) -> Table:
    """All windows of all tuples: 16 rows per tuple, in order; each rat's counts are flattened neuron by neuron."""
    odours, trials = pair_trials(recordings, correct_only)
    data = {}
    for rat, recording in recordings.items():
        windows = cut_windows(recording, trials[rat], RATS[rat].start)
        data[rat] = torch.from_numpy(windows.reshape(len(odours) * WINDOWS, -1))
    groups = torch.arange(len(odours)).repeat_interleave(WINDOWS)
    return Table.of(data, labels={"odour": torch.from_numpy(odours).long()[groups]}, groups=groups)


def split_by_trial(table: Table, test: float, val: float, seed: int) -> dict[str, Table]:
    """``train``, ``val`` and ``test``: all windows of a tuple on one side, and every odour with its share on each."""
    groups = None if table.groups is None else table.groups.numpy()
    sides = split_rows(len(table), test=test, val=val, seed=seed, groups=groups, strata=table.labels["odour"].numpy())
    return {side: table.select(torch.from_numpy(rows)) for side, rows in sides.items()}
