"""``compare``: a grid of runs over objectives, β and seeds, and what it says."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mmgen.errors import MmgenError
from mmgen.files import write_atomically
from mmgen.registry import entries, load
from mmgen.runs import Plan

from .figure import save_figure, tradeoff_figure
from .grid import GRID, Grid, Member, expand
from .launchers import make_launcher
from .runner import Outcome, claimed, finished, make_runs
from .summary import Choice, provenance, results, summarise

RESULTS, SUMMARY = "results.csv", "summary.csv"
USUAL = (
    Choice("coherence", "cross"),
    Choice("coherence", "cross_map"),
    Choice("latent-classification", "per_subset"),
)  # the first that there is


class ComparisonWarning(UserWarning):
    """A run of a comparison failed; everything else went on."""


@dataclass
class Comparison:
    """What a comparison found.

    Attributes:
        folder: Where everything is.
        outcome: How the runs went.
        table: All numbers of all finished runs in the folder (:func:`mmgen_plugin_compare.results`).
        summary: Headline measures over seeds (:func:`mmgen_plugin_compare.summarise`).
        choice: The measure that β was chosen by; None where there was none.
        data: What the data are, in words.
        figures: The files of the figure; none where it had no point.
        others: How many runs of the folder's grid are not finished and were not asked for.
    """

    folder: Path
    outcome: Outcome
    table: pd.DataFrame
    summary: pd.DataFrame
    choice: Choice | None
    data: list[str]
    figures: list[Path]
    others: int


def compare(
    objectives: Sequence[str],
    dataset: str | None = None,
    betas: Sequence[float] | None = None,
    seeds: Sequence[int] | None = None,
    output: str | Path | None = None,
    launcher: str = "local",
    *,
    recipe: str | None = None,
    config: str | Path | None = None,
    assignments: Iterable[str] = (),
    metrics: Sequence[str] | None = None,
    metric: str | None = None,
    console: Console | None = None,
    **engine: Any,
) -> pd.DataFrame:
    """Train and evaluate objectives on a dataset over β and seeds: ``mmgen compare`` from Python.

    Args:
        objectives: Names, or ``CALLED=NAME``.
        dataset: Its name, unless ``recipe`` or ``config`` has one.
        betas: By default each objective's own β.
        seeds: By default the configuration's own seed.
        output: The folder, ``runs/compare-DATASET`` by default; what is finished in it is not made again.
        launcher: ``local``, ``ray`` or ``slurm``.
        recipe: To start from.
        config: A YAML file to start from.
        assignments: ``key.path=value``, or ``CALLED:key.path=value`` for one objective.
        metrics: Names; all that the data allow, but for costly ones, by default.
        metric: ``NAME:measure`` that β is chosen by on validation rows, and that the figure shows.
        console: Where the progress is shown.
        **engine: Of the launcher: ``jobs``, ``ray_address``, ``cpus``, ``gpus``, ``slurm``
            (:func:`mmgen_plugin_compare.launchers.make_launcher`).

    Returns:
        The tidy table: ``objective, beta, seed, metric, measure, given, target, label, value, n, note, split, data``.
            :func:`mmgen_plugin_compare.summarise` sums it up.

    Raises:
        MmgenError: Names, settings or a folder that cannot be used.
        KeyboardInterrupt: SIGINT; the same call goes on.
    """
    found = run_comparison(
        objectives,
        dataset,
        betas,
        seeds,
        output,
        launcher,
        recipe=recipe,
        config=config,
        assignments=assignments,
        metrics=metrics,
        metric=metric,
        console=console,
        engine=engine,
    )
    for member, reason in found.outcome.failed.items():
        warnings.warn(f"{member.name}: {reason}", ComparisonWarning, stacklevel=2)
    if found.outcome.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if found.outcome.signal:
        raise SystemExit(128 + found.outcome.signal)
    return found.table


def run_comparison(
    objectives: Sequence[str],
    dataset: str | None,
    betas: Sequence[float] | None,
    seeds: Sequence[int] | None,
    output: str | Path | None,
    launcher: str,
    *,
    recipe: str | None,
    config: str | Path | None,
    assignments: Iterable[str],
    metrics: Sequence[str] | None,
    metric: str | None,
    console: Console | None,
    engine: Mapping[str, Any],
) -> Comparison:
    """What :func:`compare` does, with everything that it found."""
    chosen = Choice.parse(metric) if metric is not None else None
    names = _metrics(metrics, chosen)
    file = Path(config) if config is not None else None
    asked = expand(
        objectives,
        metrics=names,
        dataset=dataset,
        betas=betas,
        seeds=seeds,
        recipe=recipe,
        config=file,
        assignments=list(assignments),
    )
    first = next(iter(asked.series.values())).config["dataset"]["name"].rpartition(":")[2]
    folder = Path(output) if output is not None else Path("runs") / f"compare-{first}"
    before = _grid_in(folder)
    grid = asked if before is None else before.extended(asked, folder)
    members = [
        member for member in grid.members(folder) if member.key in {wanted.key for wanted in asked.members(folder)}
    ]
    judges = {
        "val": [chosen.metric] if chosen else list(dict.fromkeys(c.metric for c in USUAL if c.metric in names))[:1],
        "test": grid.metrics,
    }
    todo = [member for member in members if not finished(member, judges)]
    started = [name for name in asked.series if any(member.objective == name for member in todo)]
    for name in started:
        Plan.of(
            next(member for member in todo if member.objective == name).config
        )  # what does not fit is said before anything is written
    # Where there is nothing to do, no engine is started.
    launched = make_launcher(launcher, folder / "jobs", **engine) if todo else None
    try:
        with claimed(folder, "compare"):
            grid.write(folder)
            outcome = Outcome(skipped=members) if launched is None else make_runs(members, judges, launched, console)
            return _found(folder, grid, members, outcome, chosen, judges)
    finally:
        if launched is not None:
            launched.close()


def _metrics(metrics: Sequence[str] | None, chosen: Choice | None) -> list[str]:
    """The metrics of test rows by name, so that a folder says what was computed whatever is installed later."""
    names = (
        [entry.name for entry in entries("metrics") if not load("metrics", entry.name).costly]
        if metrics is None
        else list(dict.fromkeys(metrics))
    )
    if not names:
        raise MmgenError("--metrics: say at least one (mmgen list metrics shows them), or leave it out for all.")
    names += [chosen.metric] if chosen and chosen.metric not in names else []
    for name in names:
        load("metrics", name)
    return names


def _grid_in(folder: Path) -> Grid | None:
    grid = Grid.read(folder)
    if grid is None and folder.is_dir() and any(path.name != "jobs" for path in folder.iterdir()):
        raise MmgenError(
            f"The folder {str(folder)!r} holds something, and it is no comparison (it has no {GRID}); choose another "
            "--output."
        )
    if grid is None and folder.exists() and not folder.is_dir():
        raise MmgenError(f"--output: {str(folder)!r} is a file; choose a folder.")
    return grid


def _found(
    folder: Path,
    grid: Grid,
    members: Sequence[Member],
    outcome: Outcome,
    chosen: Choice | None,
    judges: Mapping[str, list[str]],
) -> Comparison:
    """Tables and figure of all runs of the folder that are finished."""
    order = list(grid.series)
    every = sorted(grid.members(folder), key=lambda member: (order.index(member.objective), member.beta, member.seed))
    done = [member for member in every if finished(member, judges)]
    table = results(done)
    measured = set(zip(table.metric, table.measure, strict=True))
    choice = chosen or next((usual for usual in USUAL if (usual.metric, usual.measure) in measured), None)
    if chosen and done and (chosen.metric, chosen.measure) not in measured:
        raise MmgenError(
            f"--metric {chosen.metric}:{chosen.measure}: there is no such number in the results; {RESULTS} was not "
            "written."
        )
    summary = summarise(table, choice)
    figures: list[Path] = []
    if done:
        write_atomically(folder / RESULTS, lambda path: table.to_csv(path, index=False))
        write_atomically(folder / SUMMARY, lambda path: summary.to_csv(path, index=False))
        figure = None if choice is None else tradeoff_figure(table, choice, provenance(done))
        figures = [] if figure is None else save_figure(figure, folder)
    others = sum(1 for member in every if member not in members and member not in done)
    return Comparison(folder, outcome, table, summary, choice, provenance(done), figures, others)
