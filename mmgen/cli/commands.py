"""The commands of all installed distributions: listed without an import, imported one at a time when asked for.

A command is a function with options as typer has them, declared in the entry-point group ``mmgen.commands``::

    [project.entry-points."mmgen.commands"]
    samples = "mmgen_plugin_samples.cli:samples"

The first line of its docstring is its help in the list; it is read from the source.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import MmgenError
from ..registry import entries, find, load, summary

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(TyperGroup):
    """The group of commands behind ``mmgen``; the core's are found as everybody's are."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in alphabetical order; ``distribution:name`` where several distributions have one name."""
        declared = entries("commands")
        names = [entry.name for entry in declared]
        return [entry.full_name if names.count(entry.name) > 1 else entry.name for entry in declared]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, with its options.

        Raises:
            PluginError: One that is unknown, not installed, ambiguous or broken.
        """
        return built(cmd_name, load("commands", cmd_name))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A line per command, without importing it."""
        rows = [(name, summary(find("commands", name))) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def built(name: str, function: Callable[..., Any]) -> Any:
    """The command that a function describes by its options, as it is run."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=HELP)
    alone.command(name)(_at_home(function))
    return typer.main.get_command(alone)


def _at_home(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes ``~`` in a path for the user's home where no shell has seen to it: quoted, and in
    ``--output=~/run``.
    """

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        return function(**{name: _expanded(value) for name, value in values.items()})

    return command


def _expanded(value: Any) -> Any:
    if isinstance(value, list):
        return [_expanded(each) for each in value]
    if not isinstance(value, Path):
        return value
    try:
        return value.expanduser()
    except RuntimeError as error:
        raise MmgenError(f"{str(value)!r}: nobody knows where this home folder is; write the whole path.") from error
