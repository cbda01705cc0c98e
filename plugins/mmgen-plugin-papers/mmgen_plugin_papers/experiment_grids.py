"""From tables to runs: one grid for each experiment and variant that they show, in a folder of its own that ``mmgen
compare`` could have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmgen.errors import MmgenError, listed, nearest
from mmgen.runs import find_recipe
from mmgen_plugin_compare.grid import Grid, Member, expand

from .paper import Experiment, Layout, Paper, Scale, missing_plugins


@dataclass(frozen=True, eq=False)
class Part:
    """The runs of one experiment, under one variant.

    Attributes:
        experiment: Its name.
        variant: Its variant, '' where it has none.
        folder: Of its runs, a comparison.
        grid: Its methods, β and seeds, and what they are judged by.
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


def parts_of(
    paper: Paper,
    tables: Sequence[Layout],
    scale: Scale,
    folder: Path,
    seeds: Sequence[int] | None = None,
    assignments: Iterable[str] = (),
) -> list[Part]:
    """The grids behind some tables; several tables share the runs of their experiment.

    Args:
        paper: The paper.
        tables: Of it.
        scale: ``desk`` or ``paper``.
        folder: Where the parts have their folders.
        seeds: As many as the paper has, from 0, by default.
        assignments: ``key.path=value`` for all runs; ``NAME:key.path=value`` for those of one experiment, dataset or
            method.

    Raises:
        MmgenError: Something that is not installed, or settings that do not resolve.
    """
    _check_installed(paper, tables)
    said = _sorted(paper, assignments)
    parts = []
    for name, experiment in paper.experiments.items():
        own = [table for table in tables if table.experiment == name]
        wanted = {row for table in own for row in paper.rows(table)}
        methods = [key for key, method in experiment.methods.items() if key in wanted and method.objective is not None]
        metrics = list(dict.fromkeys(metric for table in own for metric in table.metrics))
        if not methods or not metrics:
            continue
        shown = {column.variant for table in own for column in table.columns if column.answers}
        for variant in [key for key in experiment.variants if key in shown] or [""]:
            grid = Grid({}, metrics)
            for key in methods:
                mine = [text for who, text in said if who in ("", name, experiment.dataset, key)]
                grid.series |= _grid(experiment, key, variant, scale, seeds, mine, metrics).series
            parts.append(Part(name, variant, folder / name / variant if variant else folder / name, grid))
    return parts


def _grid(
    experiment: Experiment,
    key: str,
    variant: str,
    scale: Scale,
    seeds: Sequence[int] | None,
    mine: list[str],
    metrics: list[str],
) -> Grid:
    """One method over β and seeds."""
    method, shared = experiment.methods[key], experiment.at(scale)
    assert method.objective is not None
    own = method.desk if scale == "desk" else method.paper
    recipe = find_recipe(method.objective, experiment.dataset, scale)
    if recipe is None and scale == "paper":
        raise MmgenError(
            f"{method.name} has no recipe {method.objective}-{experiment.dataset}-paper for its published settings; "
            "--scale desk does without."
        )
    return expand(
        [f"{key}={method.objective}"],
        metrics=metrics,
        dataset=experiment.dataset,
        betas=shared.betas,
        seeds=range(shared.seeds) if seeds is None else seeds,
        recipe=recipe,
        assignments=[*experiment.set, *experiment.variants.get(variant, ()), *shared.set, *method.set, *own.set, *mine],
    )


def _check_installed(paper: Paper, tables: Sequence[Layout]) -> None:
    missing = missing_plugins(paper, tables)
    if missing:
        line = " ".join(dict.fromkeys(filter(None, missing.values())))
        do = (
            f"pip install {line}, or 'mmgen-plugin-papers[all]' for everything"
            if line
            else "no plugin is known that has it"
        )
        raise MmgenError(f"Not installed: {listed(missing)}; {do}.")


def _sorted(paper: Paper, assignments: Iterable[str]) -> list[tuple[str, str]]:
    """Whom each assignment is for ('': everything), and the assignment."""
    known = {name for key, one in paper.experiments.items() for name in (key, one.dataset, *one.methods)}
    found = []
    for text in assignments:
        who, colon, _ = text.partition("=")[0].rpartition(":")
        if colon and who not in known:
            raise MmgenError(
                f"--set {text!r}: {who!r} is no experiment, dataset or method of the paper "
                f"({listed(sorted(known))}){nearest(who, known)}."
            )
        found.append((who, text[len(who) + len(colon) :]))
    return found
