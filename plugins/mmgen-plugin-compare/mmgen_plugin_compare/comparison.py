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

from mmgen.errors import MmgenError, listed
from mmgen.files import write_atomically

from .bundles import Together
from .figure import save_figure, tradeoff_figure
from .grid import GRID, Grid, expand
from .measures import Choice
from .member import Member
from .request import ComparisonRequest, Execution, GridRequest, metric_names
from .runner import Outcome, check_configurations, check_output, claim_folder, is_finished, make_runs
from .summary import collect_results, describe_data, summarise

RESULTS, SUMMARY = "results.csv", "summary.csv"
USUAL_CHOICES = (
    Choice("coherence", "cross"),
    Choice("coherence", "cross_map"),
    Choice("latent-classification", "per_subset"),
    Choice("imputation", "score"),
)  # the first that there is: the last one needs no labels


class ComparisonWarning(UserWarning):
    """A run of a comparison failed; everything else went on."""


@dataclass
class Comparison:
    """A comparison that was made.

    Attributes:
        folder: Where everything is.
        outcome: How the runs went.
        results: All numbers of all finished runs in the folder (:func:`mmgen_plugin_compare.collect_results`).
        summary: Headline measures over seeds (:func:`mmgen_plugin_compare.summarise`).
        choice: The measure that β was chosen by; None where there was none.
        data: Sentences about the data.
        figures: The files of the figure; none where it had no point.
        unrequested: How many runs of the folder's grid are not finished and were not asked for.
    """

    folder: Path
    outcome: Outcome
    results: pd.DataFrame
    summary: pd.DataFrame
    choice: Choice | None
    data: list[str]
    figures: list[Path]
    unrequested: int


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
    jobs: int | None = None,
    launcher_options: Mapping[str, Any] | None = None,
    together: Together = "auto",
) -> pd.DataFrame:
    """Train and evaluate objectives on a dataset over β and seeds: ``mmgen compare`` from Python.

    Args:
        objectives: Names, or ``CALLED=NAME``.
        dataset: Its name, unless ``recipe`` or ``config`` has one.
        betas: By default each objective's own β.
        seeds: By default the configuration's own seed.
        output: The folder, ``runs/compare-DATASET`` by default; what is finished in it is not made again.
        launcher: ``local``, ``ray``, ``slurm``, or that of an installed plugin.
        recipe: To start from.
        config: A YAML file to start from.
        assignments: ``key.path=value``, or ``CALLED:key.path=value`` for one objective.
        metrics: Names; all that the data allow, but for costly ones, by default.
        metric: ``NAME:measure`` that β is chosen by on validation rows, and that the figure shows.
        console: Where the progress is shown.
        jobs: Runs at a time, short for ``launcher_options={"jobs": …}``.
        launcher_options: Of the launcher, by name, such as ``{"cpus": 4, "gpus": 1}`` of ``ray`` (``mmgen info ray``).
        together: ``auto``: where a launcher says how many run at a time, the runs of an objective are dealt to so many
            processes, and small networks make their steps in one pass; ``on``: also where it does not say, and
            networks of any size; ``off``: a process for every run, and models that are the same to the byte.

    Returns:
        The tidy results: ``objective, beta, seed, metric, measure, given, target, label, value, n, note, split, data``.
            :func:`mmgen_plugin_compare.summarise` sums them up.

    Raises:
        MmgenError: Names, settings or a folder that cannot be used.
        KeyboardInterrupt: SIGINT; the same call goes on.

    >>> import mmgen
    >>> results = mmgen.compare(["elbo"], "mfeat", betas=[0.1, 1], seeds=[0, 1], metrics=["reconstruction"])
    >>> sorted(set(zip(results.beta, results.seed)))
    [(0.1, 0), (0.1, 1), (1.0, 0), (1.0, 1)]
    >>> losses = results[(results.measure == "loss") & (results.target == "all") & (results.split == "test")]
    >>> losses.groupby("beta").value.mean().index.tolist()
    [0.1, 1.0]
    """
    choice = None if metric is None else Choice.parse(metric)
    grid = GridRequest(
        objectives=tuple(objectives),
        metrics=metric_names(metrics, choice),
        dataset=dataset,
        betas=betas,
        seeds=seeds,
        recipe=recipe,
        config=None if config is None else Path(config),
        assignments=tuple(assignments),
    )
    folder = None if output is None else Path(output)
    where = Execution.of(launcher, jobs, launcher_options, together)
    comparison = run_comparison(ComparisonRequest(grid, choice, folder, where), console)
    raise_unless_complete(comparison.outcome)
    return comparison.results


def raise_unless_complete(outcome: Outcome) -> None:
    """Warn of runs that failed, and end as a signal ends a program.

    Raises:
        KeyboardInterrupt: SIGINT stopped it.
        SystemExit: Another signal did.
    """
    for member, reason in outcome.failed.items():
        warnings.warn(f"{member.name}: {reason}", ComparisonWarning, stacklevel=3)
    if outcome.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if outcome.signal:
        raise SystemExit(128 + outcome.signal)


def run_comparison(request: ComparisonRequest, console: Console | None = None) -> Comparison:
    """What :func:`compare` does, with everything that comes of it.

    Args:
        request: Which comparison.
        console: Where the progress is shown; None: nowhere.

    Raises:
        MmgenError: Names, settings or a folder that cannot be used.
    """
    requested = expand(request.grid)
    folder = request.output or _usual_folder(requested)
    grid = _extended_grid(requested, folder)
    keys = {member.key for member in requested.members(folder)}
    members = [member for member in grid.members(folder) if member.key in keys]
    metrics = _metrics_by_split(request, grid)
    pending = [member for member in members if not is_finished(member, metrics)]
    further = [name for name in grid.metrics if name not in request.grid.metrics]
    if console is not None and pending and further:
        console.print(
            f"The comparison in '{folder}' was begun with further metrics, by which all of its runs are evaluated: "
            f"{listed(further)}. Another --output has those alone that are asked for.",
            highlight=False,
        )
    check_configurations(pending)
    with (
        request.execution.started(folder / "jobs", needed=bool(pending)) as launcher,
        claim_folder(folder, "compare"),
    ):
        grid.write(folder)
        outcome = (
            Outcome(skipped=members)
            if launcher is None
            else make_runs(members, metrics, launcher, console, request.execution.together)
        )
        return _comparison(folder, grid, members, outcome, request.choice, metrics)


def _usual_folder(grid: Grid) -> Path:
    dataset = next(iter(grid.series.values())).config["dataset"]["name"].rpartition(":")[2]
    return Path("runs") / f"compare-{dataset}"


def _extended_grid(requested: Grid, folder: Path) -> Grid:
    """The grid that the folder has already, with the requested runs.

    Raises:
        MmgenError: A folder of something else, or of a comparison with other settings.
    """
    grid = Grid.read(folder)
    if grid is not None:
        return grid.extended(requested, folder)
    check_output(folder, "comparison", GRID)
    return requested


def _metrics_by_split(request: ComparisonRequest, grid: Grid) -> dict[str, list[str]]:
    """What runs are evaluated by: all metrics on test rows, and on validation rows the one that chooses β, the first
    that finds something.
    """
    if request.choice is not None:
        choosing = [request.choice.metric]
    else:
        usual = dict.fromkeys(choice.metric for choice in USUAL_CHOICES)
        choosing = [metric for metric in usual if metric in request.grid.metrics]
    return {"val": choosing, "test": grid.metrics}


def _comparison(
    folder: Path,
    grid: Grid,
    members: Sequence[Member],
    outcome: Outcome,
    choice: Choice | None,
    metrics: Mapping[str, list[str]],
) -> Comparison:
    """Tables and figure of all runs of the folder that are finished, written where there is any."""
    order = list(grid.series)
    every = sorted(grid.members(folder), key=lambda member: (order.index(member.objective), member.beta, member.seed))
    finished = [member for member in every if is_finished(member, metrics)]
    results = collect_results(finished)
    if choice is None:
        choice = _usual_choice(results)
    elif finished:
        _check_measured(choice, results)
    summary, data = summarise(results, choice), describe_data(finished)
    unrequested = sum(1 for member in every if member not in members and member not in finished)
    left = len(every) - len(finished)
    title = [*data, f"{left} of {len(every)} runs are not finished."] if left else data
    figures = _write(folder, results, summary, choice, title) if finished else []
    return Comparison(folder, outcome, results, summary, choice, data, figures, unrequested)


def _measures(results: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(results.metric, results.measure, strict=True))


def _usual_choice(results: pd.DataFrame) -> Choice | None:
    """The first usual measure that the results have."""
    measures = _measures(results)
    return next((choice for choice in USUAL_CHOICES if (choice.metric, choice.measure) in measures), None)


def _check_measured(choice: Choice, results: pd.DataFrame) -> None:
    if (choice.metric, choice.measure) not in _measures(results):
        raise MmgenError(
            f"--metric {choice.metric}:{choice.measure}: there is no such number in the results; {RESULTS} was not "
            "written."
        )


def _write(
    folder: Path, results: pd.DataFrame, summary: pd.DataFrame, choice: Choice | None, title: Sequence[str]
) -> list[Path]:
    """``results.csv``, ``summary.csv`` and the figure; the files of the figure."""
    write_atomically(folder / RESULTS, lambda path: results.to_csv(path, index=False))
    write_atomically(folder / SUMMARY, lambda path: summary.to_csv(path, index=False))
    figure = None if choice is None else tradeoff_figure(results, choice, title)
    return [] if figure is None else save_figure(figure, folder)
