"""From tables to runs: one grid for each experiment and variant that they show.

Each has a folder of its own that ``mmgen compare`` could have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmgen.errors import MmgenError, alternatives, listed
from mmgen.runs import find_recipe
from mmgen_plugin_compare.grid import Grid, expand
from mmgen_plugin_compare.member import Member
from mmgen_plugin_compare.request import GridRequest

from .experiments import Experiment, Scale
from .paper import Paper, missing_plugins
from .paper_tables import PaperTable
from .request import ReproductionRequest


@dataclass(frozen=True, eq=False)
class ExperimentGrid:
    """The runs of one experiment, under one variant.

    Attributes:
        experiment: Its name.
        variant: Its variant, '' where it has none.
        folder: Of its runs, a comparison.
        grid: Its methods, β and seeds, and what they are evaluated by.
    """

    experiment: str
    variant: str
    folder: Path
    grid: Grid

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.experiment}, {self.variant}" if self.variant else self.experiment

    @property
    def members(self) -> list[Member]:
        """Its runs."""
        return self.grid.members(self.folder)

    @property
    def metrics(self) -> dict[str, list[str]]:
        """What its runs are evaluated by: tables are of test rows, and nothing is chosen by validation rows."""
        return {"test": self.grid.metrics}

    def with_earlier_runs(self) -> Grid:
        """The grid that is in the folder already, extended by this one.

        Raises:
            MmgenError: The folder has runs with other settings.
        """
        earlier = Grid.read(self.folder)
        return self.grid if earlier is None else earlier.extended(self.grid, self.folder)


def experiment_grids(request: ReproductionRequest, folder: Path) -> list[ExperimentGrid]:
    """The grids behind the tables of a request; several tables share the runs of their experiment.

    Args:
        request: Which tables, and with which settings.
        folder: Where the experiments have their folders.

    Raises:
        MmgenError: Something that is not installed, or settings that do not resolve.
    """
    tables = request.tables_with_runs
    _check_installed(request.paper, tables)
    assignments = _addressed(request.paper, request.assignments)
    grids = []
    for name, experiment in request.paper.experiments.items():
        shown = [table for table in tables if table.experiment == name]
        methods = _methods(request.paper, experiment, shown)
        metrics = list(dict.fromkeys(metric for table in shown for metric in table.metrics))
        if not methods or not metrics:
            continue
        for variant in _variants(experiment, shown) or [""]:
            grid = Grid({}, metrics)
            for key in methods:
                extra = [text for who, text in assignments if who in ("", name, experiment.dataset, key)]
                grid.series |= expand(_method_request(request, experiment, key, variant, extra, metrics)).series
            grids.append(ExperimentGrid(name, variant, folder / name / variant if variant else folder / name, grid))
    return grids


def _methods(paper: Paper, experiment: Experiment, tables: Sequence[PaperTable]) -> list[str]:
    """The methods of an experiment that the tables show and that can be run."""
    rows = {row for table in tables for row in paper.rows(table)}
    return [key for key, method in experiment.methods.items() if key in rows and method.objective is not None]


def _variants(experiment: Experiment, tables: Sequence[PaperTable]) -> list[str]:
    """The variants of an experiment that the tables show."""
    shown = {column.variant for table in tables for column in table.columns if column.answers}
    return [name for name in experiment.variants if name in shown]


def _method_request(
    request: ReproductionRequest,
    experiment: Experiment,
    key: str,
    variant: str,
    assignments: Sequence[str],
    metrics: Sequence[str],
) -> GridRequest:
    """One method over β and seeds: settings of the experiment, its variant, scale and method, then the user's."""
    method, shared = experiment.methods[key], experiment.at(request.scale)
    assert method.objective is not None
    return GridRequest(
        objectives=[f"{key}={method.objective}"],
        metrics=metrics,
        dataset=experiment.dataset,
        betas=shared.betas,
        seeds=request.seeds_of(shared),
        recipe=_recipe(method.name, method.objective, experiment.dataset, request.scale),
        assignments=[
            *experiment.set,
            *experiment.variants.get(variant, ()),
            *shared.set,
            *method.set,
            *method.at(request.scale).set,
            *assignments,
        ],
    )


def _recipe(method: str, objective: str, dataset: str, scale: Scale) -> str | None:
    """The recipe of an objective for a dataset; the desk does without, where there is none."""
    recipe = find_recipe(objective, dataset, scale)
    if recipe is None and scale == "paper":
        raise MmgenError(
            f"{method} has no recipe {objective}-{dataset}-paper for its published settings; --scale desk does without."
        )
    return recipe


def _check_installed(paper: Paper, tables: Sequence[PaperTable]) -> None:
    missing = missing_plugins(paper, tables)
    if missing:
        line = " ".join(dict.fromkeys(filter(None, missing.values())))
        advice = (
            f"pip install {line}, or 'mmgen-plugin-papers[all]' for everything"
            if line
            else "no plugin is known that has it"
        )
        raise MmgenError(f"Not installed: {listed(missing)}; {advice}.")


def _addressed(paper: Paper, assignments: Iterable[str]) -> list[tuple[str, str]]:
    """Whom each assignment is for ('': everything), and the assignment."""
    known = {name for key, one in paper.experiments.items() for name in (key, one.dataset, *one.methods)}
    pairs = []
    for text in assignments:
        who, colon, _ = text.partition("=")[0].rpartition(":")
        if colon and who not in known:
            raise MmgenError(
                f"--set {text!r}: {who!r} is no experiment, dataset or method of the paper; there are "
                f"{alternatives(who, sorted(known))}"
            )
        pairs.append((who, text[len(who) + len(colon) :]))
    return pairs
