"""What a behaviour plugin may implement, each function marked with ``mmgen.hookimpl``; take only the arguments you need."""

from __future__ import annotations

from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("mmgen")
hookimpl = pluggy.HookimplMarker("mmgen")


@hookspec
def mmgen_add_commands(app: Any) -> None:
    """Add commands to the ``typer.Typer`` application. Called when a command is asked for that the core does not have."""


@hookspec
def mmgen_train_start(run: Any, model: Any, data: Any) -> None:
    """Before the first step. ``run`` is a :class:`mmgen.runs.RunFolder` or None when nothing is written."""


@hookspec
def mmgen_epoch_end(run: Any, model: Any, data: Any, record: dict) -> None:
    """After an epoch and its validation; ``record`` is the line that went into ``history.jsonl``."""


@hookspec
def mmgen_train_end(run: Any, model: Any, data: Any) -> None:
    """After the last step, when the final model is in place."""


@hookspec
def mmgen_report_section(run: Any) -> Any:
    """A section for ``mmgen report``: a title and HTML, or None."""
