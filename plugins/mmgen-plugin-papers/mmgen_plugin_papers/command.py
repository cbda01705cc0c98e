"""``mmgen reproduce``: what it prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as ScreenTable
from rich.text import Text

from mmgen.errors import MmgenError
from mmgen.screen import console, show, show_json
from mmgen_plugin_compare.command import WIDTH, print_ending, print_skipped

from .costs import listing
from .estimate import Estimate
from .paper import read_paper
from .paper_tables import PaperTable
from .reproduction import NUMBERS, PAGE, Reproduction, iterate_estimates, run_reproduction
from .request import ReproductionRequest
from .table_lines import BETTER, TableLine, table_lines, table_notes


def run_command(request: ReproductionRequest, as_json: bool) -> int:
    """Make the runs, print the tables, and say where everything is; the exit code."""
    screen = console()
    reproduction = run_reproduction(request, None if as_json else screen)
    if as_json:
        show_json(_records(reproduction.numbers))
        return reproduction.outcome.exit_code
    print_skipped(len(reproduction.outcome.skipped), screen)
    for table in request.tables_with_runs:
        _print_table(reproduction, table, screen)
    _print_reasons(request.tables_without_runs, screen)
    if request.tables_with_runs:
        _print_places(reproduction, screen)
    return print_ending(reproduction.outcome, reproduction.folder, screen)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: null for what is not a number."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _print_table(reproduction: Reproduction, table: PaperTable, screen: Console) -> None:
    """A table of the paper, six columns at a time, and what to know about it."""
    numbers = reproduction.numbers[reproduction.numbers.table == table.id]
    lines = table_lines(table, numbers)
    for start in range(0, len(table.columns), WIDTH):
        screen.print(_screen_table(reproduction.request, table, lines, start))
    for sentence in table_notes(table, numbers):
        screen.print(sentence, highlight=False)
    for sentence in reproduction.data.get(str(table.experiment), []):
        screen.print(f"Data: {sentence}", highlight=False)


def _screen_table(
    request: ReproductionRequest, table: PaperTable, lines: Sequence[TableLine], start: int
) -> ScreenTable:
    """Some columns of a table."""
    title = f"{request.name}/{table.id}, scale {request.scale}: {table.caption}" if not start else ""
    shown = ScreenTable(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    shown.add_column("method")
    shown.add_column("")
    for column in table.columns[start : start + WIDTH]:
        shown.add_column("\n".join(filter(None, (column.name, BETTER[column.better]))), justify="right")
    before = ""
    for line in lines:
        shown.add_row(
            Text(line.method if line.method != before else ""),
            line.what,
            *(Text(cell) for cell in line.cells[start : start + WIDTH]),
        )
        before = line.method
    return shown


def _print_reasons(tables: Iterable[PaperTable], screen: Console) -> None:
    """Why there is nothing to run."""
    for table in tables:
        screen.print(f"{table.id}: {table.reason}", highlight=False)


def _print_places(reproduction: Reproduction, screen: Console) -> None:
    """What the numbers mean, and where they are."""
    screen.print(
        "Test rows: mean ± sample standard deviation over seeds (how many, where not all); difference: ours − printed.",
        highlight=False,
    )
    page, numbers = reproduction.folder / PAGE, reproduction.folder / NUMBERS
    screen.print(f"Page: {page}; all {len(reproduction.numbers)} numbers: {numbers}", highlight=False)


def list_tables(name: str | None, table: str | None, as_json: bool) -> int:
    """What there is to reproduce and what it costs: of all papers, of one, or one table of it; the exit code."""
    entries = [entry for entry in listing(name) if table is None or entry["table"] == table]
    if as_json:
        show_json(entries)
        return 0
    if not entries:
        if name is not None and table is not None:
            read_paper(name).table(table)  # tells which there are
        raise MmgenError("No paper is installed: pip install mmgen-plugin-papers.")
    columns = ["table", "what it shows", "dataset", "methods", "printed", "desk", "paper"]
    for paper in dict.fromkeys(entry["paper"] for entry in entries):
        rows = [_row(entry) for entry in entries if entry["paper"] == paper]
        show(f"{paper}: {read_paper(paper).cited}", columns, rows)
    screen = console()
    screen.print(
        "printed: how many numbers. desk, paper: runs, and how long training them takes one after the other "
        "(evaluation comes on top).",
        highlight=False,
    )
    for sentence in dict.fromkeys(entry["timed_on"] for entry in entries if entry["timed_on"]):
        screen.print(f"Times: {sentence}", highlight=False)
    return 0


def _row(entry: dict[str, Any]) -> list[str]:
    """A line of the listing."""
    shown = entry["caption"] + (f" Not run: {entry['reason']}" if entry["reason"] else "")
    costs = [_format_cost(entry["cost"][scale]) for scale in ("desk", "paper")]
    return [entry["table"], shown, entry["dataset"], "; ".join(entry["methods"]), str(entry["printed"] or "–"), *costs]


def _format_cost(cost: dict[str, Any]) -> str:
    if not cost["runs"]:
        return "–"
    return f"{cost['runs']} run{'s' if cost['runs'] != 1 else ''}" + (
        f", {_format_minutes(cost['minutes'])}" if cost["minutes"] is not None else ""
    )


def _format_minutes(minutes: float) -> str:
    """``12 min``, ``3.4 h``, ``5.6 days``."""
    if minutes < 100:
        return f"{minutes:.0f} min" if minutes >= 1 else "under 1 min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:,.0f} days"


def run_dry(request: ReproductionRequest, as_json: bool) -> int:
    """Print each estimate when it is there, and what they come to; the exit code."""
    estimates = []
    screen = console()
    for estimate in iterate_estimates(request):
        estimates.append(estimate)
        if not as_json:
            screen.print(_describe_estimate(estimate), highlight=False)
    if as_json:
        show_json([{**asdict(estimate), "hours": estimate.hours} for estimate in estimates])
    else:
        _print_reasons(request.tables_without_runs, screen)
        _print_total(estimates, screen)
    return 1 if any(estimate.problem for estimate in estimates) else 0


def _describe_estimate(one: Estimate) -> str:
    who = f"{one.experiment}: {one.method}, {one.runs} run{'s' if one.runs > 1 else ''}"
    if one.problem:
        return f"{who}: cannot be run. {one.problem}"
    if not one.steps:
        return f"{who}: {one.data} data, solved in closed form from {one.rows:,} rows"
    scaled = "" if one.timed_rows >= one.batch else f" (timed on {one.timed_rows} rows of a batch)"
    return (
        f"{who}: {one.data} data, {one.parameters:,} parameters, {one.steps:,} steps of "
        f"{1000 * one.step_seconds:,.0f} ms on {one.device}{scaled}, {_format_minutes(60 * one.hours)} each, "
        f"{one.memory / 2**20:,.0f} MiB"
    )


def _print_total(estimates: Sequence[Estimate], screen: Console) -> None:
    good = [one for one in estimates if not one.problem]
    bad = len(estimates) - len(good)
    hours = sum(one.hours * one.runs for one in good)
    largest = max((one.memory for one in good), default=0)
    screen.print(
        f"Total: {sum(one.runs for one in good)} runs, {_format_minutes(60 * hours)} one after the other, "
        f"{largest / 2**20:,.0f} MiB the largest." + (f" {bad} cannot be run." if bad else ""),
        highlight=False,
    )
    screen.print(
        "Times are those of training, from the median of a few timed steps here; validation and evaluation come on "
        "top. Memory is computed: weights, gradients, Adam's moments, one batch and what is kept for its backward "
        "pass; data and libraries come on top.",
        highlight=False,
    )
