"""The command ``mmgen play``; what it does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mmgen.cli.app import DataOption, DatasetSet, RunArgument


def play(
    run: RunArgument,
    split: Annotated[
        str | None,
        typer.Option(help="The rows to pick from: test, val, train, new or all; test rows, all with --data."),
    ] = None,
    data: DataOption = None,
    assignments: DatasetSet = None,
    port: Annotated[int, typer.Option(help="Of this machine alone; a free one by default.", min=0, max=65535)] = 0,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open the page in the browser.")] = True,
) -> None:
    """Open a page to play with a model: pick a row or a point of the latent space, and see what is generated."""
    from mmgen.cli.arguments import opened
    from mmgen.screen import console

    from .playground import Playground
    from .server import Server

    found, _ = opened(run, data, assignments or [])
    playground = Playground(found, split or (None if data is None else "all"))
    server = Server(playground, port)
    console().print(f"Page: {server.address} (on this machine alone; Ctrl+C ends it)", highlight=False)
    server.run(show)
