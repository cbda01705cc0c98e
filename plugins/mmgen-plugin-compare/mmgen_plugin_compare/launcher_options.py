"""The options that say where runs are made, as every command that makes many of them has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from mmgen import MmgenError
from mmgen.yaml_files import parse_yaml

if TYPE_CHECKING:
    from .request import Execution

LauncherName = Annotated[str, typer.Option("--launcher", help="Where runs are made: mmgen list launchers.")]
Jobs = Annotated[int | None, typer.Option(help="Runs at a time, for launchers that have the option jobs.")]
LauncherOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--launcher-option", metavar="KEY=VALUE", help="Of the launcher: mmgen info LAUNCHER; may be repeated."
    ),
]
TogetherName = Annotated[
    str,
    typer.Option(
        "--together",
        help="auto: a process makes several runs of an objective, small networks in one pass; on: of any size, on any "
        "launcher; off: a process for every run.",
    ),
]


def execution(launcher: str, jobs: int | None, assignments: Iterable[str] | None, together: str) -> Execution:
    """Where runs are made, from the options of a command.

    Raises:
        MmgenError: A launcher option that is not written as KEY=VALUE, or one that is given twice.
    """
    from .request import Execution

    options: dict[str, Any] = {}
    for text in assignments or ():
        key, value = _key_and_value(text)
        if key in options:
            raise MmgenError(f"--launcher-option {key}: it is given twice; leave one out.")
        options[key] = value
    return Execution.of(launcher, jobs, options, cast(Any, together))


def _key_and_value(text: str) -> tuple[str, Any]:
    """``key=value`` of ``--launcher-option``, the value as YAML."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise MmgenError(f"--launcher-option {text!r}: write it as key=value, such as jobs=2.")
    return key, parse_yaml(value, f"--launcher-option {key}")
