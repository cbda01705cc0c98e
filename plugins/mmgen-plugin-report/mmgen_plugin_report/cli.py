"""The commands ``mmgen report``, ``mmgen export`` and ``mmgen push``; what they do is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgen.cli.app import RunArgument


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Folders of runs, or folders with runs in them.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
    max_points: Annotated[
        int,
        typer.Option(
            help="Most points in the scatter of each run's latents; 0: none, and no pictures of single rows.", min=0
        ),
    ] = 4000,
    color_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,…",
            help="Columns by which latents can be coloured first of all, the first of them when the page opens.",
        ),
    ] = None,
) -> None:
    """Write one page about runs that can be sent to anybody: it needs no network."""
    from mmgen.cli.arguments import split_names
    from mmgen.screen import console

    from .page import write_report

    def notify(sentence: str) -> None:
        console().print(sentence, highlight=False)

    page = write_report(runs, out, max_points, split_names(color_by) or (), notify)
    console().print(f"Report: {page} ({page.stat().st_size / 1e6:.1f} MB)", highlight=False)
    if max_points:
        console().print(
            "Its scatter of latents and its pictures have ids and values of single rows; --max-points 0 leaves them "
            "out.",
            highlight=False,
        )


def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", help="A folder to make.", show_default=False)],
) -> None:
    """Write a run in the layout of the Hugging Face Hub: config.json, model.safetensors and a model card."""
    from mmgen.screen import console

    from .hub.export import export_run

    folder = export_run(run, to)
    console().print(f"Exported: {folder}", highlight=False)
    console().print(
        f"Load it with mmgen.load_run({str(folder)!r}); mmgen push {folder} --repo user/name uploads it.",
        highlight=False,
    )


def push(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FOLDER", help="Folder of a run, or one that mmgen export made.", show_default=False
        ),
    ],
    repo: Annotated[
        str, typer.Option(help="The repository, as user/name; one that is made is private.", show_default=False)
    ],
) -> None:
    """Upload a run to the Hugging Face Hub."""
    from mmgen.screen import console

    from .hub import export

    console().print(f"Uploaded: {export.push(run, repo)}", highlight=False)
