"""The options that say where runs are made, as every command that makes many of them has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mmgen import MmgenError

if TYPE_CHECKING:
    from .request import Execution

LauncherName = Annotated[str, typer.Option("--launcher", help="Where runs are made: mmgen list launchers.")]
Jobs = Annotated[int | None, typer.Option(help="Runs at a time on this machine; 1 by default.")]
RayAddress = Annotated[str | None, typer.Option(help="A Ray cluster to work on, instead of a Ray started here.")]
Cpus = Annotated[float | None, typer.Option(help="Cores per run, for ray; 1 by default.")]
Gpus = Annotated[float | None, typer.Option(help="GPUs per run, for ray; none by default.")]
Slurm = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", help="Of Slurm's jobs, such as partition=gpu, time=120, gpus=1; may be repeated."
    ),
]


def execution(
    launcher: str,
    jobs: int | None,
    ray_address: str | None,
    cpus: float | None,
    gpus: float | None,
    slurm: list[str] | None,
) -> Execution:
    """Where runs are made, from the options of a command."""
    from .request import Execution

    options = {
        "jobs": jobs,
        "ray_address": ray_address,
        "cpus": cpus,
        "gpus": gpus,
        "slurm": dict(_key_and_value(text) for text in slurm or []),
    }
    return Execution(launcher, options)


def _key_and_value(text: str) -> tuple[str, str]:
    """``key=value`` of ``--slurm``."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise MmgenError(f"--slurm {text!r}: write it as key=value, such as partition=gpu.")
    return key, value
