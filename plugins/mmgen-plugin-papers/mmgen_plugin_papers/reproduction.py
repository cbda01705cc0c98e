"""``reproduce``: the runs behind tables of a paper, and our numbers beside the printed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mmgen.errors import MmgenError
from mmgen.files import write_atomically, write_text
from mmgen.runs import MODEL
from mmgen.yaml_files import dump_yaml, read_mapping
from mmgen_plugin_compare import Execution, Grid, Launcher, Outcome, collect_results
from mmgen_plugin_compare.bundles import Together
from mmgen_plugin_compare.comparison import RESULTS, raise_unless_complete
from mmgen_plugin_compare.runner import check_configurations, check_output, claim_folder, is_finished, make_runs
from mmgen_plugin_compare.summary import describe_data
from mmgen_plugin_report.descriptions import KINDS

from .answer_checks import check_metrics, check_names
from .answers import COLUMNS, ExperimentResults, reproduced_numbers
from .estimate import Estimate, estimates
from .experiment_grids import ExperimentGrid, experiment_grids
from .experiments import Scale
from .page import page
from .paper_tables import PaperTable
from .request import ReproductionRequest

TABLES, NUMBERS, PAGE = "reproduce.yaml", "reproduction.csv", "reproduction.md"


@dataclass
class Reproduction:
    """A reproduction that was made.

    Attributes:
        request: What was asked for.
        folder: Where everything is.
        numbers: Of all tables of the folder, one row per method, β and column.
        data: Of each experiment: sentences about its data, and what that means for the numbers.
        outcome: How the runs went.
    """

    request: ReproductionRequest
    folder: Path
    numbers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    data: dict[str, list[str]] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)


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
    jobs: int | None = None,
    launcher_options: Mapping[str, Any] | None = None,
    together: Together = "auto",
) -> pd.DataFrame:
    """Make the runs behind a table of a paper, and set our numbers beside the printed ones.

    This is ``mmgen reproduce`` from Python.

    Args:
        paper: Its name (``mmgen reproduce --list``).
        table: A table or figure; all that have runs by default.
        scale: ``desk``: minutes on two cores; ``paper``: as published.
        seeds: As many as the paper has, and 3 at the desk, by default.
        output: The folder, ``runs/reproduce-PAPER-SCALE`` by default; what is finished in it is not made again.
        launcher: ``local``, ``ray``, ``slurm``, or that of an installed plugin.
        assignments: ``key.path=value``, or ``NAME:key.path=value`` for one experiment, dataset or method.
        console: Where the progress is shown.
        jobs: Runs at a time, as for :func:`mmgen.compare`.
        launcher_options: Of the launcher, as for :func:`mmgen.compare`.
        together: Whether one process makes several runs, as for :func:`mmgen.compare`.

    Returns:
        The tidy numbers of everything that was reproduced in the folder
            (:func:`mmgen_plugin_papers.reproduced_numbers`).

    Raises:
        MmgenError: Names, settings or a folder that cannot be used, or a plugin that is not installed.
        KeyboardInterrupt: SIGINT; the same call goes on.

    >>> import mmgen
    >>> numbers = mmgen.reproduce("cmmd", "table-4", seeds=[0])
    >>> for row in numbers.itertuples():
    ...     print(f"{row.method}: {row.column}, printed {row.printed} ± {row.printed_std}, ours of {row.n} seed")
    CMMD, x_M = (x_2, x_3): accuracy %, printed 97.5 ± 0.25, ours of 1 seed
    CMMD, x_M = x_3: accuracy %, printed 98.9 ± 0.13, ours of 1 seed
    """
    request = ReproductionRequest.of(
        paper,
        table,
        scale,
        seeds,
        assignments=assignments,
        output=output,
        execution=Execution.of(launcher, jobs, launcher_options, together),
    )
    reproduction = run_reproduction(request, console)
    raise_unless_complete(reproduction.outcome)
    return reproduction.numbers


def run_reproduction(request: ReproductionRequest, console: Console | None = None) -> Reproduction:
    """What :func:`reproduce` does, with everything that comes of it.

    Args:
        request: Which tables.
        console: Where the progress is shown; None: nowhere.

    Raises:
        MmgenError: Settings or a folder that cannot be used, or a plugin that is not installed.
    """
    folder = request.folder
    reproduction = Reproduction(request, folder)
    if not request.tables_with_runs:
        return reproduction
    earlier = _earlier_tables(request, folder)
    experiments = experiment_grids(request, folder)
    grids = {experiment: experiment.with_earlier_runs() for experiment in experiments}
    pending = [member for one in experiments for member in one.members if not is_finished(member, one.metrics)]
    check_metrics(request.tables_with_runs)
    check_configurations(pending)
    for one in experiments if pending else ():
        check_names(one, request)
    with (
        request.execution.started(folder / "jobs", needed=bool(pending)) as launcher,
        claim_folder(folder, "reproduce"),
    ):
        shown = [one for one in request.paper.tables if one.id in earlier or one in request.tables_with_runs]
        _write_tables(request, folder, shown)
        for experiment, grid in grids.items():
            if not reproduction.outcome.signal:
                reproduction.outcome.add(_make(experiment, grid, launcher, console, request.execution.together))
        _write_numbers(reproduction, shown)
    return reproduction


def dry_run(
    paper: str,
    table: str | None = None,
    scale: Scale = "desk",
    seeds: Sequence[int] | None = None,
    *,
    assignments: Iterable[str] = (),
) -> list[Estimate]:
    """Check every configuration behind a table, build every model, and estimate time and memory.

    Models are built on the data's real shapes; nothing is made or written.

    Args:
        paper: Its name.
        table: A table or figure; all that have runs by default.
        scale: ``desk`` or ``paper``.
        seeds: As for :func:`reproduce`.
        assignments: As for :func:`reproduce`.

    Returns:
        An estimate per method, experiment and variant; one that cannot be run has a ``problem``.

    Raises:
        MmgenError: Names or settings that do not resolve, or a plugin that is not installed.

    >>> from mmgen_plugin_papers import dry_run
    >>> estimates = dry_run("cmmd", "table-4", seeds=[0])
    >>> [(estimate.method, estimate.runs, estimate.problem) for estimate in estimates]
    [('cmmd-one', 1, ''), ('cmmd-two', 1, '')]
    """
    return list(iterate_estimates(ReproductionRequest.of(paper, table, scale, seeds, assignments=assignments)))


def iterate_estimates(request: ReproductionRequest) -> Iterator[Estimate]:
    """Estimates, one after the other as they are made; variants of one experiment are timed once."""
    timed: dict[str, dict[str, Estimate]] = {}
    experiments = experiment_grids(request, Path("runs"))
    check_metrics(request.tables_with_runs)
    for one in experiments:
        check_names(one, request)
        known = timed.setdefault(one.experiment, {})
        published_rows = request.paper.experiments[one.experiment].at(request.scale).rows
        for estimate in estimates(one, published_rows, known):
            known.setdefault(estimate.method, estimate)
            yield estimate


def _earlier_tables(request: ReproductionRequest, folder: Path) -> list[str]:
    """The tables that a folder was asked for before; none where it is new.

    Raises:
        MmgenError: A folder of something else.
    """
    if not (folder / TABLES).exists():
        check_output(folder, "reproduction", TABLES)
        return []
    content = read_mapping(folder / TABLES)
    if (content.get("paper"), content.get("scale")) != (request.name, request.scale):
        raise MmgenError(
            f"The folder {str(folder)!r} reproduces {content.get('paper')} at the scale "
            f"{content.get('scale')!r}; choose another --output."
        )
    return [str(one) for one in content.get("tables", [])]


def _write_tables(request: ReproductionRequest, folder: Path, shown: Sequence[PaperTable]) -> None:
    """``reproduce.yaml``."""
    content = {"paper": request.name, "scale": request.scale, "tables": [one.id for one in shown]}
    write_text(folder / TABLES, dump_yaml(content))


def _make(
    experiment: ExperimentGrid, grid: Grid, launcher: Launcher | None, console: Console | None, together: Together
) -> Outcome:
    """The runs of one experiment."""
    (experiment.folder / "jobs").mkdir(parents=True, exist_ok=True)
    grid.write(experiment.folder)
    if launcher is None:
        return Outcome(skipped=experiment.members)
    if console is not None:
        console.print(f"{experiment.name}: {len(experiment.members)} runs", highlight=False)
    return make_runs(experiment.members, experiment.metrics, launcher, console, together)


def _write_numbers(reproduction: Reproduction, shown: Sequence[PaperTable]) -> None:
    """Our numbers of every table that the folder was asked for, from everything that is finished in it."""
    request, folder = reproduction.request, reproduction.folder
    experiments: dict[tuple[str, str], ExperimentResults] = {}
    for name in dict.fromkeys(str(table.experiment) for table in shown):
        of_variants, reproduction.data[name] = _read_experiment(request, folder, name)
        experiments |= {(name, variant): one for variant, one in of_variants.items()}
    frames = [reproduced_numbers(request, table, experiments) for table in shown]
    reproduction.numbers = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    write_atomically(folder / NUMBERS, partial(reproduction.numbers.to_csv, index=False))
    write_text(folder / PAGE, page(request, shown, reproduction.numbers, reproduction.data))


def _read_experiment(
    request: ReproductionRequest, folder: Path, name: str
) -> tuple[dict[str, ExperimentResults], list[str]]:
    """The finished runs of an experiment by variant, and sentences about its data; ``results.csv`` of each."""
    of_variants: dict[str, ExperimentResults] = {}
    sentences: list[str] = []
    for variant in request.paper.experiments[name].variants or ("",):
        grid = Grid.read(folder / name / variant)
        if grid is None:
            continue
        members = [member for member in grid.members(folder / name / variant) if (member.path / MODEL).exists()]
        of_variants[variant] = ExperimentResults(grid, collect_results(members))
        sentences += describe_data(members)
        if members:
            to_csv = partial(of_variants[variant].results.to_csv, index=False)
            write_atomically(folder / name / variant / RESULTS, to_csv)
    return of_variants, [*dict.fromkeys(sentences), *_warnings(of_variants)]


def _warnings(of_variants: Mapping[str, ExperimentResults]) -> list[str]:
    """What it means for the numbers that data are no measurements."""
    kinds = {kind for one in of_variants.values() for kind in one.results.data}
    return [KINDS[kind] for kind in sorted(kinds & {"simulated", "stand-in"})]
