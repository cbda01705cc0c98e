"""The stand-in: written and spoken digits in the layout of the official files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmgen import track

from .files import FILES, MARKER, stack
from .speaking import speak
from .writing import picture, write_stroke


def write_files(folder: Path, counts: tuple[int, int], seed: int) -> None:
    """Write ``mhd_train.pt`` and ``mhd_test.pt``, each with as many rows of every digit as can be, in random order.

    Args:
        folder: Is made where it is not there.
        counts: Training and test rows.
        seed: Of everything; a row depends on the seed, its file and its place alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: _rows(count, seed, number) for number, (name, count) in enumerate(zip(FILES, counts))}
    low, high = (float(bound(parts["train"][1])) for bound in (np.min, np.max))
    for name, (digits, strokes, pictures, sounds) in parts.items():
        trajectories = np.clip((strokes - low) / (high - low), 0, 1)  # as the training rows reach
        content = (
            torch.from_numpy(digits),
            torch.from_numpy(pictures)[:, None],
            torch.from_numpy(trajectories.astype(np.float32)),
            stack(torch.from_numpy(sounds)[:, None]),
            {"min": low, "max": high},
            {"min": 0.0, "max": 1.0},
        )
        torch.save(content, folder / FILES[name])
    (folder / MARKER).write_text("Written and spoken digits, made by mmgen-plugin-mhd.\n", encoding="utf-8")


def _rows(count: int, seed: int, part: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Digits ``[n]``, strokes ``[n, 200]``, pictures ``[n, 28, 28]`` and spectrograms ``[n, 32, 96]``."""
    digits = np.random.default_rng([seed, part]).permutation(np.arange(count) % 10)
    strokes, pictures = np.empty((count, 200)), np.empty((count, 28, 28), np.float32)
    sounds = np.empty((count, 32, 96), np.float32)
    for row, digit in enumerate(track(digits, "writing digits")):
        draw = np.random.default_rng([seed, part, row])
        stroke = write_stroke(int(digit), draw)
        strokes[row] = stroke.T.reshape(-1)
        pictures[row] = picture(stroke, draw.uniform(1.5, 3.5))
        sounds[row] = speak(int(digit), draw)
    return digits, strokes, pictures, sounds
