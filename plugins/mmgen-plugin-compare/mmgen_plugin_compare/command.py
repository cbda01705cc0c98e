"""``mmgen compare``: what it prints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as ScreenTable
from rich.text import Text

from mmgen.screen import console

from .comparison import RESULTS, SUMMARY, Comparison, run_comparison
from .measures import direction
from .member import format_beta
from .request import ComparisonRequest
from .runner import Outcome
from .summary import COLUMN

WIDTH = 6  # columns of a table; more go into another one below it


def run_command(request: ComparisonRequest) -> int:
    """Make the grid's runs, print the tables, and say where everything is; the exit code."""
    screen = console()
    comparison = run_comparison(request, screen)
    print_skipped(len(comparison.outcome.skipped), screen)
    _print_tables(comparison, screen)
    _print_legend(comparison, screen)
    _print_places(comparison, screen)
    return print_ending(comparison.outcome, comparison.folder, screen)


def print_skipped(count: int, screen: Console) -> None:
    """How many runs were finished before."""
    if count:
        screen.print(f"Finished before, and not made again: {count}.", highlight=False)


def print_ending(outcome: Outcome, folder: Path, screen: Console) -> int:
    """What failed or stopped, and the exit code that this means."""
    if outcome.failed:
        screen.print("Failed:", highlight=False)
    for member, reason in outcome.failed.items():
        screen.print(f"  {member.name}: {reason}", highlight=False)
    if outcome.signal:
        screen.print(f"Stopped. The same command goes on with what is in {folder}.", highlight=False)
    return outcome.exit_code


def _print_tables(comparison: Comparison, screen: Console) -> None:
    """The summary, a table per metric and six columns."""
    for _, rows in comparison.summary.groupby("metric", sort=False):
        columns = list(rows[COLUMN].drop_duplicates().itertuples(index=False, name=None))
        for start in range(0, len(columns), WIDTH):
            screen.print(_screen_table(rows, columns[start : start + WIDTH], plain=not screen.is_terminal))


def _print_legend(comparison: Comparison, screen: Console) -> None:
    """What the numbers and marks of the tables mean, and what the data are."""
    summary = comparison.summary
    if not summary.empty:
        screen.print(
            "Test rows: mean ± sample standard deviation over seeds (how many, where not all).", highlight=False
        )
        if comparison.choice is not None and summary.groupby("objective")["beta"].nunique().max() > 1:
            screen.print(
                f"→ marks the β that validation rows chose for each objective, by {comparison.choice}.",
                highlight=False,
            )
        if summary.best.any():
            mark = "Bold" if screen.is_terminal else "*"
            screen.print(
                f"{mark}: better than the second best at a chosen β by more than the standard error of the "
                "difference (Welch).",
                highlight=False,
            )
    for sentence in _notes(comparison):
        screen.print(sentence, highlight=False)
    for sentence in comparison.data:
        screen.print(f"Data: {sentence}", highlight=False)


def _notes(comparison: Comparison) -> list[str]:
    """What evaluations say against measures that the tables show: each note once, with how many of a metric's shown
    numbers have it.
    """
    results, shown = comparison.results, comparison.summary
    if results.empty or shown.empty:
        return []
    keys = set(shown[COLUMN].itertuples(index=False, name=None))
    of_tables = [key in keys for key in results[COLUMN].itertuples(index=False, name=None)]
    noted = results[
        pd.Series(of_tables, index=results.index) & (results["split"] == "test") & results["note"].fillna("").ne("")
    ]
    counts = noted.groupby(["metric", "note"], sort=False).size()
    return [
        f"{metric}: {note} ({count} of its numbers above, over all runs)." for (metric, note), count in counts.items()
    ]


def _print_places(comparison: Comparison, screen: Console) -> None:
    """Where the numbers and figures are, and what the folder still lacks."""
    folder = comparison.folder
    if not comparison.results.empty:
        screen.print(
            f"All {len(comparison.results)} numbers: {folder / RESULTS}; in short: {folder / SUMMARY}",
            highlight=False,
        )
    for path in comparison.figures:
        screen.print(f"Figure: {path}", highlight=False)
    if comparison.unrequested:
        screen.print(
            f"Not finished, and not asked for now: {comparison.unrequested} of the grid in {folder}.", highlight=False
        )


def _screen_table(rows: pd.DataFrame, columns: list[tuple[str, ...]], *, plain: bool) -> ScreenTable:
    """One metric: a line per objective and β, a column per measure, subset, target and label."""
    table = ScreenTable(box=box.SIMPLE_HEAD, title=columns[0][0], title_justify="left", pad_edge=False)
    table.add_column("objective")
    table.add_column("β")
    for metric, measure, given, target, label in columns:
        better = {0: "", -1: "less is better", 1: "more is better"}[direction(metric, measure)]
        table.add_column(
            "\n".join(part for part in (measure, given and f"given {given}", target, label, better) if part),
            justify="right",
        )
    seeds = rows["n"].max()
    for (objective, beta), line in rows.groupby(["objective", "beta"], sort=False):
        chosen = bool(line.chosen.any())
        cells = {tuple(row[name] for name in COLUMN): row for row in line.to_dict("records")}
        shown = [_cell(cells.get(column), seeds, plain) for column in columns]
        table.add_row(Text(str(objective)), Text(f"{'→ ' if chosen else '  '}{format_beta(beta)}"), *shown)
    return table


def _cell(row: dict[Any, Any] | None, seeds: int, plain: bool) -> Text:
    if row is None or pd.isna(row["mean"]):
        return Text("–")
    digits = 0 if abs(row["mean"]) >= 1000 else 1 if abs(row["mean"]) >= 100 else 3
    if row["n"] > 1 and 0 < row["std"] < 1:  # of an error there is a digit to be seen
        digits = max(digits, min(3, math.ceil(-math.log10(row["std"]))))
    text = (
        f"{row['mean']:.{digits}f}"
        + (f" ± {row['std']:.{digits}f}" if row["n"] > 1 else "")
        + (f" ({row['n']})" if row["n"] < seeds else "")
    )
    return Text(text + (" *" if plain and row["best"] else ""), style="bold" if row["best"] else "")
