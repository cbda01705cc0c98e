"""What each dimension of the latents is about, in words: its largest loadings, and what it explains."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mmgen.errors import MmgenError
from mmgen.evaluation import Evaluation, loadings_frame
from mmgen.evaluation.variance_explained import EMPTY_NOTE

from .runs import ReportedRun

FILE = "loadings.csv"  # that mmgen evaluate writes
COLUMNS = 6  # that are named of a dimension
MODALITIES = 4  # whose shares are named
DIMENSIONS = 64  # that have a line
SMALL = 0.05  # loadings below it say nothing
MEASURES = ("r2_of_dimension", "error_reduction_of_dimension")


@dataclass(frozen=True)
class DimensionLine:
    """A dimension in words.

    Attributes:
        name: ``z0`` …
        columns: Its largest loadings, signed.
        explains: Of which modalities it explains how much.
    """

    name: str
    columns: str
    explains: str


def dimension_lines(reported: ReportedRun, evaluation: Callable[[], Evaluation | str]) -> list[DimensionLine]:
    """A line for each dimension of which something is known; from the file that an evaluation wrote, or computed now.

    Args:
        reported: The run.
        evaluation: Makes an evaluation, or the reason why there is none; asked only where the run has no such file.
    """
    loadings = _loadings(reported, evaluation)
    shares: dict[str, list[tuple[float, str]]] = {}
    empty: set[str] = set()
    for row in reported.results:
        if row.get("metric") == "variance-explained" and row.get("measure") in MEASURES:
            shares.setdefault(str(row["label"]), []).append((float(row["value"]), str(row["target"])))
            empty |= {str(row["label"])} if EMPTY_NOTE in row.get("note", "") else set()
    names = [name for name in (*loadings, *(name for name in shares if name not in loadings)) if name.startswith("z")]
    return [
        DimensionLine(name, "", "empty: the same for every row")
        if name in empty
        else DimensionLine(name, _in_words(loadings.get(name, [])), _shares_in_words(shares.get(name, [])))
        for name in names[:DIMENSIONS]
    ]


def _loadings(
    reported: ReportedRun, evaluation: Callable[[], Evaluation | str]
) -> dict[str, list[tuple[float, str, str]]]:
    """Loadings with their modality and column, by dimension."""
    path = reported.run.path / FILE if reported.run.path else None
    if path is not None and path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            return _by_dimension(csv.reader(file))
    opened = evaluation()
    if isinstance(opened, str):
        return {}
    try:
        frame = loadings_frame(opened)
    except MmgenError:
        return {}
    return _by_dimension(
        [["modality", "column", *frame.columns], *([*i, *v] for i, v in zip(frame.index, frame.values))]
    )


def _by_dimension(lines: Iterable[list[str]]) -> dict[str, list[tuple[float, str, str]]]:
    header, *rows = lines
    return {
        name: [(value, row[0], row[1]) for row in rows if math.isfinite(value := float(row[place] or "nan"))]
        for place, name in enumerate(header)
        if place > 1
    }


def _in_words(found: list[tuple[float, str, str]]) -> str:
    largest = sorted(found, key=lambda entry: -abs(entry[0]))[:COLUMNS]
    words = [
        f"{modality} {column} {value:.2f}" if column.startswith("(") else f"{column} {value:+.2f}"
        for value, modality, column in largest
        if abs(value) >= SMALL
    ]
    return ", ".join(words).replace("-0.", "−0.").replace("-1.", "−1.")


def _shares_in_words(found: list[tuple[float, str]]) -> str:
    largest = sorted(found, key=lambda entry: -entry[0])[:MODALITIES]
    return ", ".join(f"{target} {100 * share:.0f} %" for share, target in largest if share >= 0.005)
