"""Somebody's own table, as a file with its description."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

DESCRIPTION = """\
path: my.csv
label: diagnosis
group: subject
modalities:
  genes: {{columns: "g*", kind: vector, hidden: [{hidden}]}}
  proteins: {{columns: [p0, p1], kind: counts, likelihood: poisson, hidden: [{hidden}]}}
"""


def write_toy_table(folder: Path, *, rows: int = 60, shift: float = 5.0, gaps: bool = False, hidden: int = 8) -> Path:
    """Write ``my.csv``, a table of genes and proteins of people who are ill or well, and ``my.yaml`` about it.

    Its columns are ``subject`` (two rows each), ``diagnosis``, ``g0`` to ``g2`` (normal) and ``p0``, ``p1`` (Poisson).

    Args:
        folder: Where both are written.
        rows: Every other one is ``ill``.
        shift: How far apart the genes of both are, in standard deviations.
        gaps: Whether some rows lack a gene, all genes or all proteins, and a column ``empty`` has no value at all.
        hidden: Width of the networks.

    Returns:
        The path of ``my.yaml``, for ``mmgen.load_dataset("table", config=...)``.
    """
    random = np.random.default_rng(0)
    with (folder / "my.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "diagnosis", "g0", "g1", "g2", "p0", "p1", *(["empty"] if gaps else [])])
        for i in range(rows):
            ill = i % 2
            genes = [f"{value:.3f}" for value in random.normal(shift * ill, 1, 3)]
            proteins = [str(count) for count in random.poisson(1 + 5 * ill, 2)]
            if gaps and i % 7 == 0:
                genes = ["", *genes[1:]] if i % 14 == 0 and i % 35 else ["", "", ""]
            if gaps and i % 5 == 0:
                proteins = ["", ""]
            writer.writerow([f"s{i // 2}", "ill" if ill else "well", *genes, *proteins, *([""] if gaps else [])])
    description = folder / "my.yaml"
    description.write_text(DESCRIPTION.format(hidden=hidden), encoding="utf-8")
    return description
