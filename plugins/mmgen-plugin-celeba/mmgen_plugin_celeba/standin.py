"""Drawn faces in the official layout, for machines without CelebA."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mmgen import track

from .attributes import ATTRIBUTES, texts
from .drawing.person import draw_person
from .drawing.portrait import portrait
from .files import ATTRIBUTES_FILE, IMAGES, MARKER, PARTITION_FILE, TEXT_FILE


def write_drawings(folder: Path, count: int, seed: int) -> None:
    """Draw ``count`` faces into ``folder``, in the layout of CelebA.

    There are images of 178×218, the three lists as CSV, and the mark that they are drawings. The first eight tenths are
    partition 0, the next tenth is partition 1, the rest is partition 2. Face i depends on the seed and on i only.
    """
    (folder / IMAGES).mkdir(parents=True)
    (folder / MARKER).write_text("Faces drawn from their attributes, not photographs.\n", encoding="utf-8")
    names = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    present = np.zeros((count, len(ATTRIBUTES)), dtype=bool)
    for row, name in enumerate(track(names, "drawing faces")):
        person = draw_person(np.random.default_rng([seed, row]))
        present[row] = [person.has[attribute] for attribute in ATTRIBUTES]
        portrait(person).save(folder / IMAGES / name, quality=92)
    partition = np.searchsorted([0.8, 0.9], np.arange(count) / count, side="right")
    _write(folder / f"{ATTRIBUTES_FILE}.csv", ATTRIBUTES, names, np.where(present, 1, -1).tolist())
    _write(folder / f"{PARTITION_FILE}.csv", ("partition",), names, partition[:, None].tolist())
    _write(folder / TEXT_FILE, ("text",), names, [[text] for text in texts(present, seed)])


def _write(path: Path, columns: tuple[str, ...], names: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image_id", *columns])
        writer.writerows([name, *row] for name, row in zip(names, rows))
