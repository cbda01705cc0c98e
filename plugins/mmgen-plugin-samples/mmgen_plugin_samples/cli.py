"""The command ``mmgen samples``; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def samples(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="A .gif file; RUN/figures/samples.gif by default.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each grid is shown.", min=0.02)] = 0.5,
) -> None:
    """Make a film of the grids that were drawn while a run was trained (MMGEN_SAMPLES_EVERY=EPOCHS mmgen train …)."""
    from .film import make_film

    typer.echo(f"Film: {make_film(run, out, seconds)}")
