"""``reproduce``: the runs behind tables of a paper, and our numbers beside the printed ones."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mmgen.errors import MmgenError, listed, nearest
from mmgen.files import write_atomically, write_text
from mmgen.runs import MODEL, Plan
from mmgen.yaml_files import dump_yaml, read_mapping
from mmgen_plugin_compare.comparison import RESULTS, ComparisonWarning
from mmgen_plugin_compare.grid import Grid, Member
from mmgen_plugin_compare.launchers import Launcher, make_launcher
from mmgen_plugin_compare.runner import claimed, finished, make_runs
from mmgen_plugin_compare.summary import provenance, results
from mmgen_plugin_report.descriptions import KINDS

from .answers import COLUMNS, table_of_numbers
from .estimate import Estimate, estimates
from .experiment_grids import Part, parts_of
from .page import page
from .paper import SCALES, Layout, Paper, Scale, read_paper

ASKED, NUMBERS, PAGE = "reproduce.yaml", "reproduction.csv", "reproduction.md"


@dataclass
class Reproduction:
    """What a reproduction found.

    Attributes:
        folder: Where everything is.
        name: Of the paper.
        paper: The paper.
        scale: ``desk`` or ``paper``.
        tables: Those that were asked for and have runs.
        left_out: Those that were asked for and have none, because mmgen has nothing to run.
        numbers: Of all tables of the folder, one row per method, β and column.
        data: What the data of each experiment are, in words, and what that means for the numbers.
        skipped: How many runs were finished before.
        failed: What is wrong with each run that is not finished.
        signal: The number of the signal that stopped it, 0 if none did.
    """

    folder: Path
    name: str
    paper: Paper
    scale: Scale
    tables: list[Layout]
    left_out: list[Layout]
    numbers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    data: dict[str, list[str]] = field(default_factory=dict)
    skipped: int = 0
    failed: dict[Member, str] = field(default_factory=dict)
    signal: int = 0


def reproduce(
    paper: str,
    table: str | None = None,
    scale: Scale = "desk",
    seeds: Sequence[int] | None = None,
    output: str | Path | None = None,
    launcher: str = "local",
    *,
    assignments: Iterable[str] = (),
    console: Console | None = None,
    **engine: Any,
) -> pd.DataFrame:
    """Make the runs behind a table of a paper, and set our numbers beside the printed ones: ``mmgen reproduce`` from
    Python.

    Args:
        paper: Its name (``mmgen reproduce --list``).
        table: A table or figure; all that have runs by default.
        scale: ``desk``: minutes on two cores; ``paper``: as published.
        seeds: As many as the paper has, and 3 at the desk, by default.
        output: The folder, ``runs/reproduce-PAPER-SCALE`` by default; what is finished in it is not made again.
        launcher: ``local``, ``ray`` or ``slurm``.
        assignments: ``key.path=value``, or ``NAME:key.path=value`` for one experiment, dataset or method.
        console: Where the progress is shown.
        **engine: Of the launcher, as for :func:`mmgen.compare`.

    Returns:
        The tidy table of everything that was reproduced in the folder (:func:`mmgen_plugin_papers.table_of_numbers`).

    Raises:
        MmgenError: Names, settings or a folder that cannot be used, or a plugin that is not installed.
        KeyboardInterrupt: SIGINT; the same call goes on.
    """
    found = run_reproduction(
        paper, table, scale, seeds, output, launcher, assignments=assignments, console=console, engine=engine
    )
    for member, reason in found.failed.items():
        warnings.warn(f"{member.name}: {reason}", ComparisonWarning, stacklevel=2)
    if found.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if found.signal:
        raise SystemExit(128 + found.signal)
    return found.numbers


def run_reproduction(
    name: str,
    table: str | None,
    scale: Scale,
    seeds: Sequence[int] | None,
    output: str | Path | None,
    launcher: str,
    *,
    assignments: Iterable[str],
    console: Console | None,
    engine: Mapping[str, Any],
) -> Reproduction:
    """What :func:`reproduce` does, with everything that it found."""
    paper, asked = asked_for(name, table, scale, seeds)
    folder = Path(output) if output is not None else Path("runs") / f"reproduce-{name}-{scale}"
    found = Reproduction(folder, name, paper, scale, *divided(asked))
    if not found.tables:
        return found
    before = _tables_in(folder, name, scale)
    parts = parts_of(paper, found.tables, scale, folder, seeds, assignments)
    grids = {part: _whole(part) for part in parts}
    todo = [member for part in parts for member in part.members if not finished(member, _judges(part))]
    for first in {(member.folder, member.objective): member for member in todo}.values():
        Plan.of(first.config)  # what does not fit is said before anything is written
    engines = make_launcher(launcher, folder / "jobs", **engine) if todo else None
    try:
        with claimed(folder, "reproduce"):
            shown = [one for one in paper.tables if one.id in before or one in found.tables]
            write_text(folder / ASKED, dump_yaml({"paper": name, "scale": scale, "tables": [one.id for one in shown]}))
            for part, grid in grids.items():
                if not found.signal:
                    _make(part, grid, engines, console, found)
            _write(found, shown)
    finally:
        if engines is not None:
            engines.close()
    return found


def asked_for(name: str, table: str | None, scale: str, seeds: Sequence[int] | None) -> tuple[Paper, list[Layout]]:
    """The paper, and the tables of it that are meant.

    Raises:
        MmgenError: A paper, table or scale that there is not, or no seed.
    """
    if scale not in SCALES:
        raise MmgenError(f"--scale: there is no scale {scale!r}; there are {listed(SCALES)}{nearest(scale, SCALES)}.")
    if seeds is not None and not seeds:
        raise MmgenError("--seeds: say at least one value, such as --seeds 0.")
    paper = read_paper(name)
    return paper, [paper.table(table)] if table is not None else list(paper.tables)


def divided(tables: Iterable[Layout]) -> tuple[list[Layout], list[Layout]]:
    """Those that have runs, and those that have none."""
    tables = list(tables)
    return [table for table in tables if table.experiment is not None], [
        table for table in tables if table.experiment is None
    ]


def dry_run(
    paper: str,
    table: str | None = None,
    scale: Scale = "desk",
    seeds: Sequence[int] | None = None,
    *,
    assignments: Iterable[str] = (),
) -> list[Estimate]:
    """Check every configuration behind a table, build every model on the data's real shapes, and estimate time and
    memory; nothing is made or written.

    Args:
        paper: Its name.
        table: A table or figure; all that have runs by default.
        scale: ``desk`` or ``paper``.
        seeds: As for :func:`reproduce`.
        assignments: As for :func:`reproduce`.

    Raises:
        MmgenError: Names or settings that do not resolve, or a plugin that is not installed.
    """
    return list(each_estimate(*asked_for(paper, table, scale, seeds), scale, seeds, assignments))


def each_estimate(
    paper: Paper, tables: Sequence[Layout], scale: Scale, seeds: Sequence[int] | None, assignments: Iterable[str]
) -> Iterator[Estimate]:
    """Estimates, one after the other as they are made; variants of one experiment are timed once."""
    timed: dict[str, dict[str, Estimate]] = {}
    for part in parts_of(paper, divided(tables)[0], scale, Path("runs"), seeds, assignments):
        known = timed.setdefault(part.experiment, {})
        for estimate in estimates(part, paper.experiments[part.experiment], scale, known):
            known.setdefault(estimate.method, estimate)
            yield estimate


def _judges(part: Part) -> dict[str, list[str]]:
    """Tables are of test rows; nothing is chosen, so validation rows are not looked at."""
    return {"test": part.grid.metrics}


def _whole(part: Part) -> Grid:
    """The grid of a part's folder, with what is there already."""
    read = Grid.read(part.folder)
    return part.grid if read is None else read.extended(part.grid, part.folder)


def _tables_in(folder: Path, name: str, scale: Scale) -> list[str]:
    """The tables that a folder was asked for before; none where it is new.

    Raises:
        MmgenError: A folder of something else.
    """
    if (folder / ASKED).exists():
        content = read_mapping(folder / ASKED)
        if (content.get("paper"), content.get("scale")) != (name, scale):
            raise MmgenError(
                f"The folder {str(folder)!r} reproduces {content.get('paper')} at the scale "
                f"{content.get('scale')!r}; choose another --output."
            )
        return [str(one) for one in content.get("tables", [])]
    if folder.exists() and not folder.is_dir():
        raise MmgenError(f"--output: {str(folder)!r} is a file; choose a folder.")
    if folder.is_dir() and any(path.name != "jobs" for path in folder.iterdir()):
        raise MmgenError(
            f"The folder {str(folder)!r} holds something, and it is no reproduction (it has no {ASKED}); choose "
            "another --output."
        )
    return []


def _make(part: Part, grid: Grid, launcher: Launcher | None, console: Console | None, found: Reproduction) -> None:
    """The runs of one part, and its table of all numbers."""
    (part.folder / "jobs").mkdir(parents=True, exist_ok=True)
    grid.write(part.folder)
    if launcher is None:
        found.skipped += len(part.members)
        return
    if console is not None:
        console.print(f"{part.name}: {len(part.members)} runs", highlight=False)
    outcome = make_runs(part.members, _judges(part), launcher, console)
    found.skipped += len(outcome.skipped)
    found.failed |= outcome.failed
    found.signal = outcome.signal


def _write(found: Reproduction, shown: Sequence[Layout]) -> None:
    """Our numbers of every table that the folder was asked for, from everything that is finished in it."""
    grids: dict[tuple[str, str], Grid] = {}
    frames: dict[tuple[str, str], pd.DataFrame] = {}
    for name in dict.fromkeys(str(table.experiment) for table in shown):
        said: list[str] = []
        for variant in found.paper.experiments[name].variants or ("",):
            folder = found.folder / name / variant
            grid = Grid.read(folder)
            if grid is None:
                continue
            members = [member for member in grid.members(folder) if (member.path / MODEL).exists()]
            grids[name, variant], frames[name, variant] = grid, results(members)
            said += provenance(members)
            if members:
                write_atomically(folder / RESULTS, partial(frames[name, variant].to_csv, index=False))
        kinds = {kind for (one, _), frame in frames.items() if one == name for kind in frame.data}
        found.data[name] = [*dict.fromkeys(said), *(KINDS[kind] for kind in sorted(kinds & {"simulated", "stand-in"}))]
    tables = [table_of_numbers(found.name, found.paper, table, found.scale, grids, frames) for table in shown]
    found.numbers = pd.concat([table for table in tables if len(table)], ignore_index=True)
    write_atomically(found.folder / NUMBERS, lambda path: found.numbers.to_csv(path, index=False))
    write_text(found.folder / PAGE, page(found.name, found.paper, shown, found.scale, found.numbers, found.data))
