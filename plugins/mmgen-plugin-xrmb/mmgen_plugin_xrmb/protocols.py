"""Which frames are for training, validation and testing: three published protocols.

They are those of "Discriminative multimodal learning via conditional priors".
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mmgen import DataError, split_rows

from .frames import PHONES, Frames

Protocol = Literal["held-out", "folds", "dependent"]

FOLDS = ((1, 3), (43, 45), (10, 13), (27, 29))  # test speakers of each fold (its Table 1); the other six train
FOLD_SPEAKERS = tuple(speaker for fold in FOLDS for speaker in fold)
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
    test_speakers = FOLDS[fold - 1] if protocol == "folds" else HELD_OUT if speaker is None else (speaker,)
    _check_speakers(frames, protocol, FOLD_SPEAKERS if protocol == "folds" else test_speakers)
    usable = _thin_frames(frames.speaker, max_frames)
    is_test = usable & np.isin(frames.speaker, test_speakers)
    if protocol == "dependent":
        return _split_by_phone(frames, np.flatnonzero(is_test), val_fraction, seed)
    if protocol == "folds":
        is_train = np.isin(frames.speaker, FOLD_SPEAKERS)
    else:
        is_train = frames.training & ~np.isin(frames.speaker, HELD_OUT)
    rows = np.flatnonzero(usable & is_train & ~is_test)
    if not len(rows):
        raise DataError(
            f"No frames are left to train on: all speakers in the files are test speakers of the protocol {protocol!r}."
        )
    sides = split_rows(len(rows), test=0, val=val_fraction, seed=seed, groups=frames.speaker[rows])
    return {"train": rows[sides["train"]], "val": rows[sides["val"]], "test": np.flatnonzero(is_test)}


def _check_speakers(frames: Frames, protocol: Protocol, speakers: tuple[int, ...]) -> None:
    """Speakers of a protocol without any frame are an error that lists those that the files have."""
    absent = sorted(set(speakers) - set(np.unique(frames.speaker).tolist()))
    if absent:
        raise DataError(
            f"There are no frames of speaker {' and '.join(map(str, absent))}, whom the protocol {protocol!r} needs; "
            f"speakers in the files: {', '.join(map(str, np.unique(frames.speaker)))}."
        )


def _split_by_phone(frames: Frames, rows: np.ndarray, val_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """The frames ``rows`` on three sides: every phone of every speaker has its share of each."""
    strata = frames.speaker[rows] * PHONES + frames.phone[rows]
    sides = split_rows(len(rows), test=TEST_SHARE, val=(1 - TEST_SHARE) * val_fraction, seed=seed, strata=strata)
    return {side: rows[index] for side, index in sides.items()}


def _thin_frames(speaker: np.ndarray, limit: int | None) -> np.ndarray:
    """Which frames stay, ``[N]``."""
    mask = np.ones(len(speaker), dtype=bool)
    for number in np.unique(speaker) if limit is not None else ():
        rows = np.flatnonzero(speaker == number)
        if limit is not None and len(rows) > limit:
            mask[rows] = False
            mask[rows[np.arange(limit) * len(rows) // limit]] = True
    return mask
