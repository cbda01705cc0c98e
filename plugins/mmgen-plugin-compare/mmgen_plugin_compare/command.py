"""``mmgen compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmgen.cli.arguments import numbers, split_names
from mmgen.screen import console

from .comparison import Comparison, run_comparison
from .grid import said
from .summary import COLUMN, direction

WIDTH = 6  # columns of a table; more go into another one below it


def command(
    objectives: str,
    dataset: str | None,
    betas: str | None,
    seeds: str | None,
    recipe: str | None,
    config: Path | None,
    assignments: list[str],
    metrics: str | None,
    metric: str | None,
    output: Path | None,
    launcher: str,
    engine: dict[str, Any],
) -> int:
    """Make the grid's runs, print the tables, and say where everything is; the exit code."""
    screen = console()
    found = run_comparison(
        split_names(objectives) or [],
        dataset,
        numbers(betas, float, "--betas"),
        numbers(seeds, int, "--seeds"),
        output,
        launcher,
        recipe=recipe,
        config=config,
        assignments=assignments,
        metrics=split_names(metrics),
        metric=metric,
        console=screen,
        engine=engine,
    )
    _print(found, screen)
    if found.outcome.signal:
        screen.print(f"Stopped. The same command goes on with what is in {found.folder}.", highlight=False)
        return 128 + found.outcome.signal
    return 1 if found.outcome.failed else 0


def _print(found: Comparison, screen: Console) -> None:
    if found.outcome.skipped:
        screen.print(f"Finished before, and not made again: {len(found.outcome.skipped)}.", highlight=False)
    for _, rows in found.summary.groupby("metric", sort=False):
        columns = list(rows[COLUMN].drop_duplicates().itertuples(index=False, name=None))
        for start in range(0, len(columns), WIDTH):
            screen.print(_table(rows, columns[start : start + WIDTH], plain=not screen.is_terminal))
    if not found.summary.empty:
        screen.print(
            "Test rows: mean ± sample standard deviation over seeds (how many, where not all).", highlight=False
        )
        if found.choice is not None and found.summary.groupby("objective")["beta"].nunique().max() > 1:
            screen.print(
                f"→ marks the β that validation rows chose for each objective, by {found.choice}.", highlight=False
            )
        if found.summary.best.any():
            mark = "Bold" if screen.is_terminal else "*"
            screen.print(
                f"{mark}: better than the second best at a chosen β by more than the standard error of the "
                "difference (Welch).",
                highlight=False,
            )
    for sentence in found.data:
        screen.print(f"Data: {sentence}", highlight=False)
    if not found.table.empty:
        screen.print(
            f"All {len(found.table)} numbers: {found.folder / 'results.csv'}; in short: {found.folder / 'summary.csv'}",
            highlight=False,
        )
    for path in found.figures:
        screen.print(f"Figure: {path}", highlight=False)
    if found.others:
        screen.print(
            f"Not finished, and not asked for now: {found.others} of the grid in {found.folder}.", highlight=False
        )
    if found.outcome.failed:
        screen.print("Failed:", highlight=False)
    for member, reason in found.outcome.failed.items():
        screen.print(f"  {member.name}: {reason}", highlight=False)


def _table(rows: pd.DataFrame, columns: list[tuple[str, ...]], *, plain: bool) -> Table:
    """One metric: a line per objective and β, a column per measure, subset, target and label."""
    table = Table(box=box.SIMPLE_HEAD, title=columns[0][0], title_justify="left", pad_edge=False)
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
        table.add_row(Text(str(objective)), Text(f"{'→ ' if chosen else '  '}{said(beta)}"), *shown)
    return table


def _cell(row: dict[Any, Any] | None, seeds: int, plain: bool) -> Text:
    if row is None or pd.isna(row["mean"]):
        return Text("–")
    digits = 0 if abs(row["mean"]) >= 1000 else 1 if abs(row["mean"]) >= 100 else 3
    text = (
        f"{row['mean']:.{digits}f}"
        + (f" ± {row['std']:.{digits}f}" if row["n"] > 1 else "")
        + (f" ({row['n']})" if row["n"] < seeds else "")
    )
    return Text(text + (" *" if plain and row["best"] else ""), style="bold" if row["best"] else "")
