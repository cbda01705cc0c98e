"""Which frames are for training, validation and testing: the three protocols of "Discriminative multimodal learning via
conditional priors".
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mmgen import DataError, split_rows

from .frames import PHONES, Frames

Protocol = Literal["held-out", "folds", "dependent"]

FOLDS = ((1, 3), (43, 45), (10, 13), (27, 29))  # test speakers of each fold (its Table 1); the other six train
HELD_OUT = (7, 16, 20, 21, 23, 28, 31, 35)  # test speakers (its Tables 2 and 6)
TEST_SHARE = 0.3  # of each speaker's frames, where training and test speakers are the same


def protocol_rows(
    frames: Frames,
    protocol: Protocol,
    *,
    fold: int,
    speaker: int | None,
    val_fraction: float,
    max_frames: int | None,
    seed: int,
) -> dict[str, np.ndarray]:
    """Sorted row numbers of ``train``, ``val`` and ``test``.

    Args:
        frames: All frames.
        protocol: ``held-out``: train on the speakers of the training part, test on eight others. ``folds``: test on two
            of eight speakers, train on six. ``dependent``: 70 % of the frames of each of eight speakers, by phone,
            train and 30 % test.
        fold: Which of the four folds, from 1.
        speaker: With ``dependent`` only this one of the eight.
        val_fraction: Share of the training frames for validation: whole speakers, except with ``dependent``.
        max_frames: Frames per speaker at most, at equal distances; None: all.
        seed: Of the validation speakers, and of the draw of ``dependent``.

    Raises:
        DataError: A speaker that the protocol names has no frames.
    """
    everyone = tuple(number for pair in FOLDS for number in pair) if protocol == "folds" else HELD_OUT
    tested = FOLDS[fold - 1] if protocol == "folds" else HELD_OUT if speaker is None else (speaker,)
    needed = everyone if protocol == "folds" else tested
    absent = sorted(set(needed) - set(np.unique(frames.speaker).tolist()))
    if absent:
        raise DataError(
            f"There are no frames of speaker {' and '.join(map(str, absent))}, whom the protocol {protocol!r} needs; "
            f"speakers in the files: {_listed(frames)}."
        )
    usable = _thinned(frames.speaker, max_frames)
    of_tested = usable & np.isin(frames.speaker, tested)
    if protocol == "dependent":
        rows = np.flatnonzero(of_tested)
        strata = frames.speaker[rows] * PHONES + frames.phone[rows]
        sides = split_rows(len(rows), test=TEST_SHARE, val=(1 - TEST_SHARE) * val_fraction, seed=seed, strata=strata)
        return {side: rows[picked] for side, picked in sides.items()}
    others = (
        np.isin(frames.speaker, everyone)
        if protocol == "folds"
        else frames.training & ~np.isin(frames.speaker, HELD_OUT)
    )
    rows = np.flatnonzero(usable & others & ~of_tested)
    if not len(rows):
        raise DataError(
            f"No frames are left to train on: all speakers in the files are test speakers of the protocol {protocol!r}."
        )
    sides = split_rows(len(rows), test=0, val=val_fraction, seed=seed, groups=frames.speaker[rows])
    return {"train": rows[sides["train"]], "val": rows[sides["val"]], "test": np.flatnonzero(of_tested)}


def _thinned(speaker: np.ndarray, limit: int | None) -> np.ndarray:
    """Which frames stay, ``[N]``."""
    mask = np.ones(len(speaker), dtype=bool)
    for number in np.unique(speaker) if limit is not None else ():
        rows = np.flatnonzero(speaker == number)
        if limit is not None and len(rows) > limit:
            mask[rows] = False
            mask[rows[np.arange(limit) * len(rows) // limit]] = True
    return mask


def _listed(frames: Frames) -> str:
    return ", ".join(map(str, np.unique(frames.speaker)))
