"""``mmgen reproduce``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmgen.cli.arguments import numbers as parsed_numbers
from mmgen.errors import MmgenError
from mmgen.screen import console, show, show_json

from . import Estimate, Reproduction, listing, read_paper, run_reproduction
from .layout import BETTER, lines, notes
from .paper import Layout, Scale
from .reproduction import NUMBERS, PAGE, asked_for, divided, each_estimate

WIDTH = 6  # columns of a table; more go into another one below it


def command(
    what: str | None,
    list_all: bool,
    scale: Scale,
    seeds: str | None,
    assignments: list[str],
    output: Path | None,
    dry: bool,
    launcher: str,
    engine: dict[str, Any],
    as_json: bool,
) -> int:
    """List what there is, estimate what it takes, or reproduce it; the exit code."""
    if list_all:
        _list(what, as_json)
        return 0
    if what is None:
        raise MmgenError("Say what: mmgen reproduce PAPER or PAPER/TABLE (mmgen reproduce --list shows them).")
    paper, _, table = what.partition("/")
    numbers = parsed_numbers(seeds, int, "--seeds")
    if dry:
        return _dry(paper, table or None, scale, numbers, assignments, as_json)
    screen = console()
    shown = None if as_json else screen
    found = run_reproduction(
        paper, table or None, scale, numbers, output, launcher, assignments=assignments, console=shown, engine=engine
    )
    if as_json:
        show_json(_records(found.numbers))
    else:
        _print(found, screen)
    return 128 + found.signal if found.signal else 1 if found.failed else 0


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: null for what is not a number."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _list(what: str | None, as_json: bool) -> None:
    name, _, table = (what or "").partition("/")
    found = [entry for entry in listing(name or None) if not table or entry["table"] == table]
    if as_json:
        show_json(found)
        return
    if not found:
        if table:
            read_paper(name).table(table)  # says which there are
        raise MmgenError("No paper is installed: pip install mmgen-plugin-papers.")
    columns = ["table", "what it shows", "dataset", "methods", "printed", "desk", "paper"]
    for name in dict.fromkeys(entry["paper"] for entry in found):
        show(f"{name}: {read_paper(name).cited}", columns, [_row(entry) for entry in found if entry["paper"] == name])
    screen = console()
    screen.print(
        "printed: how many numbers. desk, paper: runs, and how long training them takes one after the other "
        "(evaluation comes on top).",
        highlight=False,
    )
    for sentence in dict.fromkeys(entry["timed_on"] for entry in found if entry["timed_on"]):
        screen.print(f"Times: {sentence}", highlight=False)


def _row(entry: dict[str, Any]) -> list[str]:
    """A line of the listing."""
    shown = entry["caption"] + (f" Not run: {entry['reason']}" if entry["reason"] else "")
    costs = [_cost(entry["cost"][scale]) for scale in ("desk", "paper")]
    return [entry["table"], shown, entry["dataset"], "; ".join(entry["methods"]), str(entry["printed"] or "–"), *costs]


def _cost(cost: dict[str, Any]) -> str:
    if not cost["runs"]:
        return "–"
    return f"{cost['runs']} run{'s' if cost['runs'] != 1 else ''}" + (
        f", {_time(cost['minutes'])}" if cost["minutes"] is not None else ""
    )


def _time(minutes: float) -> str:
    """``12 min``, ``3.4 h``, ``5.6 days``."""
    if minutes < 100:
        return f"{minutes:.0f} min" if minutes >= 1 else "under 1 min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:,.0f} days"


def _dry(
    name: str, table: str | None, scale: Scale, seeds: list[int] | None, assignments: list[str], as_json: bool
) -> int:
    """Print each estimate when it is there, and what they come to."""
    paper, tables = asked_for(name, table, scale, seeds)
    found = []
    screen = console()
    for estimate in each_estimate(paper, tables, scale, seeds, assignments):
        found.append(estimate)
        if not as_json:
            screen.print(_estimate(estimate), highlight=False)
    if as_json:
        show_json([{**asdict(estimate), "hours": estimate.hours} for estimate in found])
    else:
        _left_out(divided(tables)[1], screen)
        _total(found, screen)
    return 1 if any(estimate.problem for estimate in found) else 0


def _estimate(one: Estimate) -> str:
    who = f"{one.experiment}: {one.method}, {one.runs} run{'s' if one.runs > 1 else ''}"
    if one.problem:
        return f"{who}: cannot be run. {one.problem}"
    if not one.steps:
        return f"{who}: {one.data} data, solved in closed form from {one.rows:,} rows"
    scaled = "" if one.timed_rows >= one.batch else f" (timed on {one.timed_rows} rows of a batch)"
    return (
        f"{who}: {one.data} data, {one.parameters:,} parameters, {one.steps:,} steps of "
        f"{1000 * one.step_seconds:,.0f} ms on {one.device}{scaled}, {_time(60 * one.hours)} each, "
        f"{one.memory / 2**20:,.0f} MiB"
    )


def _total(found: Iterable[Estimate], screen: Console) -> None:
    found = list(found)
    good = [one for one in found if not one.problem]
    bad = len(found) - len(good)
    hours = sum(one.hours * one.runs for one in good)
    largest = max((one.memory for one in good), default=0)
    screen.print(
        f"Total: {sum(one.runs for one in good)} runs, {_time(60 * hours)} one after the other, "
        f"{largest / 2**20:,.0f} MiB the largest." + (f" {bad} cannot be run." if bad else ""),
        highlight=False,
    )
    screen.print(
        "Times are those of training, from the median of a few timed steps here; validation and evaluation come on "
        "top. Memory is computed: weights, gradients, Adam's moments, one batch and what is kept for its backward "
        "pass; data and libraries come on top.",
        highlight=False,
    )


def _left_out(tables: Iterable[Layout], screen: Console) -> None:
    for table in tables:
        screen.print(f"{table.id}: {table.reason}", highlight=False)


def _print(found: Reproduction, screen: Console) -> None:
    if found.skipped:
        screen.print(f"Finished before, and not made again: {found.skipped}.", highlight=False)
    for table in found.tables:
        mine = found.numbers[found.numbers.table == table.id]
        every = lines(table, mine)
        for start in range(0, len(table.columns), WIDTH):
            screen.print(_table(found, table, every, start))
        for sentence in notes(table, mine):
            screen.print(sentence, highlight=False)
        for sentence in found.data.get(str(table.experiment), []):
            screen.print(f"Data: {sentence}", highlight=False)
    _left_out(found.left_out, screen)
    if found.tables:
        screen.print(
            "Test rows: mean ± sample standard deviation over seeds (how many, where not all); difference: ours − "
            "printed.",
            highlight=False,
        )
        screen.print(
            f"Page: {found.folder / PAGE}; all {len(found.numbers)} numbers: {found.folder / NUMBERS}", highlight=False
        )
    if found.failed:
        screen.print("Failed:", highlight=False)
    for member, reason in found.failed.items():
        screen.print(f"  {member.name}: {reason}", highlight=False)
    if found.signal:
        screen.print(f"Stopped. The same command goes on with what is in {found.folder}.", highlight=False)


def _table(found: Reproduction, table: Layout, every: list[Any], start: int) -> Table:
    """Some columns of a table."""
    title = f"{found.name}/{table.id}, scale {found.scale}: {table.caption}" if not start else ""
    shown = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    shown.add_column("method")
    shown.add_column("")
    columns = table.columns[start : start + WIDTH]
    for column in columns:
        shown.add_column("\n".join(filter(None, (column.name, BETTER[column.better]))), justify="right")
    before = ""
    for line in every:
        shown.add_row(
            Text(line.method if line.method != before else ""),
            line.what,
            *(Text(cell) for cell in line.cells[start : start + WIDTH]),
        )
        before = line.method
    return shown
