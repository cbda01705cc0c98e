"""The numbers of a report: means over seeds with their standard deviations, and curves along β."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmgen.evaluation.metric import Metric, is_summary

from .runs import Group, metric_of


@dataclass(frozen=True, order=True)
class Key:
    """Which number: of what metric and measure, from what to what."""

    metric: str
    measure: str
    given: str
    target: str
    label: str
    split: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Key:
        """Of a row of results."""
        return cls(*(str(row.get(name, "")) for name in ("metric", "measure", "given", "target", "label", "split")))

    def in_headline(self, metrics: dict[str, type[Metric] | None]) -> bool:
        """Whether a summary shows it, as its metric (which ``metrics`` keeps by name) says.

        Any mean over subsets, where that is not installed or has no headline.
        """
        metric = metric_of(self.metric, metrics)
        if metric is None or not metric.headline:
            return is_summary(self.given, self.target)
        return metric.in_headline(self.measure, self.given, self.target)

    def describe(self, splits: int = 1) -> str:
        """In words, without the metric; with its split where there are several."""
        words = [self.measure.replace("_", " ")]
        words += [f"given {self.given}"] if self.given else []
        words += [f"→ {self.target}"] if self.target else []
        words += [f"({self.label})"] if self.label else []
        return " ".join(words + ([f"[{self.split}]"] if splits > 1 else []))


@dataclass(frozen=True)
class Cell:
    """A number over the seeds of a group.

    Attributes:
        mean: Over runs.
        deviation: The standard deviation between runs (n − 1 in the denominator); None for a single run.
        runs: How many have it.
        rows: How many rows of data it was computed on, in the first run.
        note: What is known against it.
    """

    mean: float
    deviation: float | None
    runs: int
    rows: int
    note: str = ""

    def format(self, of: int | None = None) -> str:
        """``0.774 ± 0.012``; with the number of runs where that is not ``of``."""
        if self.deviation is None or not math.isfinite(self.deviation):
            text = format_number(self.mean)
        else:
            digits = _decimals(self.deviation, self.mean)
            text = f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}".replace("-", "−")
        return text if of is None or self.runs == of else f"{text} (n = {self.runs})"


def format_number(value: float) -> str:
    """Four significant digits, with a true minus sign."""
    text = f"{value:.4g}" if math.isfinite(value) else "not a number"
    return text.replace("-", "−") if math.isfinite(value) and "e" not in text else text


def _decimals(deviation: float, mean: float) -> int:
    """Decimals that show two significant digits of the deviation, or four of the mean where there is no deviation."""
    size = deviation or abs(mean) / 100
    return min(max(1 - math.floor(math.log10(size)), 0), 8) if size > 0 else 3


def result_cells(groups: Sequence[Group]) -> dict[Key, list[Cell | None]]:
    """Every number that a run of a group has, by metric and measure; a cell per group."""
    rows: dict[Key, list[list[dict[str, Any]]]] = {}
    for place, group in enumerate(groups):
        for run in group.runs:
            for row in run.results:
                rows.setdefault(Key.of(row), [[] for _ in groups])[place].append(row)
    measures = list(dict.fromkeys((key.metric, key.measure) for key in rows))
    ordered = sorted(rows, key=lambda key: (key.metric, measures.index((key.metric, key.measure))))
    return {key: [_cell(of_group) for of_group in rows[key]] for key in ordered}


def _cell(rows: Sequence[dict[str, Any]]) -> Cell | None:
    if not rows:
        return None
    values = [float(row["value"]) for row in rows]
    notes = "; ".join(dict.fromkeys(row.get("note", "") for row in rows if row.get("note")))
    finite = all(math.isfinite(value) for value in values)
    mean = statistics.fmean(values) if finite else math.nan
    deviation = statistics.stdev(values) if len(values) > 1 and finite else None
    return Cell(mean, deviation, len(values), int(rows[0].get("n", 0)), notes)


def headline_cells(numbers: dict[Key, list[Cell | None]]) -> dict[Key, list[Cell | None]]:
    """The headline measures of each metric, as means over subsets or of several targets at once."""
    metrics: dict[str, type[Metric] | None] = {}
    return {key: cells for key, cells in numbers.items() if key.in_headline(metrics)}


@dataclass(frozen=True)
class BetaCurve:
    """One number along β for groups that differ by nothing else."""

    name: str
    betas: list[float]
    cells: list[Cell]


def beta_curves(groups: Sequence[Group], cells: Sequence[Cell | None]) -> list[BetaCurve]:
    """The curves of one number: families of groups with at least two values of β where it is known."""
    families: dict[str, list[tuple[Group, Cell]]] = {}
    for group, cell in zip(groups, cells, strict=True):
        if cell is not None and math.isfinite(cell.mean):
            families.setdefault(group.family, []).append((group, cell))
    return [
        BetaCurve(members[0][0].family_name, [group.beta for group, _ in members], [cell for _, cell in members])
        for members in families.values()
        if len(members) > 1
    ]
