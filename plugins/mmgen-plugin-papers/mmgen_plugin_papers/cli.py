"""The options of ``mmgen reproduce``; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from mmgen.cli.app import Json
from mmgen_plugin_compare.launcher_options import Jobs, LauncherName, LauncherOptions, TogetherName, execution


def reproduce(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[PAPER[/TABLE]]", help="A paper, or one of its tables or figures.", show_default=False),
    ] = None,
    list_all: Annotated[
        bool, typer.Option("--list", help="Show every table and figure, and what it costs at both scales.")
    ] = False,
    scale: Annotated[str, typer.Option(help="desk: minutes on two cores; paper: as published.")] = "desk",
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds, separated by commas; as many as the paper has, and 3 at the desk, by default."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[NAME:]KEY.PATH=VALUE",
            help="Set anything, for all or for one experiment, dataset or method; may be repeated.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the reproduction; runs/reproduce-PAPER-SCALE by default.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check every configuration, build every model, and estimate time and memory; make nothing.",
        ),
    ] = False,
    launcher: LauncherName = "local",
    jobs: Jobs = None,
    launcher_options: LauncherOptions = None,
    together: TogetherName = "auto",
    as_json: Json = False,
) -> int:
    """Make the runs behind a paper's table, and set our numbers beside the printed ones. The same command goes on."""
    from mmgen.cli.arguments import numbers
    from mmgen.errors import MmgenError

    from .command import list_tables, run_command, run_dry
    from .request import ReproductionRequest

    paper, _, table = (what or "").partition("/")
    if list_all:
        return list_tables(paper or None, table or None, as_json)
    if what is None:
        raise MmgenError("Say what: mmgen reproduce PAPER or PAPER/TABLE (mmgen reproduce --list shows them).")
    request = ReproductionRequest.of(
        paper,
        table or None,
        cast(Any, scale),
        numbers(seeds, int, "--seeds"),
        assignments=assignments or (),
        output=output,
        execution=execution(launcher, jobs, launcher_options, together),
    )
    return run_dry(request, as_json) if dry_run else run_command(request, as_json)
