"""A small table for tests and examples."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..temporary import process_folder


def toy_options() -> dict[str, Any]:
    """The options that describe the toy file."""
    return {
        "path": toy_file(),
        "modalities": {
            "genes": {"columns": "g*", "kind": "vector", "hidden": [16]},
            "proteins": {"columns": "p*", "kind": "counts", "likelihood": "poisson", "hidden": [16]},
            "tissue": {"columns": "tissue", "kind": "labels", "hidden": [8]},
        },
        "label": "diagnosis",
        "group": "subject",
        "simulated": True,
    }


@cache
def toy_file() -> Path:
    """A CSV of two classes, three rows a subject, in a temporary folder that goes when the process ends.

    Its columns ``site`` and ``age`` are there for whoever takes them as covariates.
    """
    folder = process_folder("mmgen-toy-")
    draw = np.random.default_rng(0)
    lines = ["subject,diagnosis,g0,g1,g2,p0,p1,tissue,site,age"]
    for row in range(60):
        subject = row // 3
        ill = subject % 2
        genes = [f"{value:.3f}" for value in draw.normal(3 * ill, 1, 3)]
        proteins = [str(value) for value in draw.poisson(2 + 6 * ill, 2)]
        tissue = ("liver", "lung")[ill]
        if row % 10 == 3:
            genes[1] = ""
        if row % 10 == 6:
            proteins = ["", ""]
        if row % 10 == 9:
            tissue = ""
        site, age = ("", "north", "south")[row % 3], "" if row % 11 == 5 else f"{30 + subject / 2}"
        lines.append(",".join([f"s{subject}", ("healthy", "ill")[ill], *genes, *proteins, tissue, site, age]))
    path = folder / "toy.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
