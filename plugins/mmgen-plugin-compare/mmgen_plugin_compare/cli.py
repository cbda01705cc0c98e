"""The options of ``mmgen compare``; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .launcher_options import Jobs, LauncherName, LauncherOptions, TogetherName, execution


def compare(
    objectives: Annotated[
        str, typer.Option(help="Names separated by commas; CALLED=NAME calls one otherwise.", show_default=False)
    ],
    dataset: Annotated[str | None, typer.Option(help="What is learned from: mmgen list datasets.")] = None,
    betas: Annotated[
        str | None,
        typer.Option(help="Weights of the divergence, separated by commas; each objective's own by default."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, separated by commas; the configuration's own by default.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A complete configuration to start from: mmgen list recipes.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file with sections like those of a run's config.yaml.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[CALLED:]KEY.PATH=VALUE",
            help="Set anything, for all or for one objective; may be repeated.",
        ),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Names separated by commas; all that the data allow by default.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:MEASURE",
            help="What β is chosen by and the figure shows; coherence:cross by default, imputation:score "
            "where there is no label.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the comparison; runs/compare-DATASET by default.")
    ] = None,
    launcher: LauncherName = "local",
    jobs: Jobs = None,
    launcher_options: LauncherOptions = None,
    together: TogetherName = "auto",
) -> int:
    """Train and evaluate objectives over β and seeds: one table with error bars, and a figure. The same command goes
    on.
    """
    from mmgen.cli.arguments import numbers, split_names

    from .command import run_command
    from .measures import Choice
    from .request import ComparisonRequest, GridRequest, metric_names

    choice = None if metric is None else Choice.parse(metric)
    grid = GridRequest(
        objectives=split_names(objectives) or [],
        metrics=metric_names(split_names(metrics), choice),
        dataset=dataset,
        betas=numbers(betas, float, "--betas"),
        seeds=numbers(seeds, int, "--seeds"),
        recipe=recipe,
        config=config,
        assignments=assignments or [],
    )
    where = execution(launcher, jobs, launcher_options, together)
    return run_command(ComparisonRequest(grid, choice, output, where))
