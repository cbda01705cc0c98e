"""Tables on a terminal, plain text elsewhere, JSON where it is wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .processes import is_main_process

LINES = 20  # of long work, where no bar can be drawn


def console(*, quiet: bool = False) -> Console:
    """The console for what people read: as wide as the terminal, wide enough for a line elsewhere; silent in all
    processes but the first.
    """
    return _Console(
        markup=False,
        quiet=quiet or not is_main_process(),
        width=None if sys.stdout.isatty() else 160,
        soft_wrap=not sys.stdout.isatty(),
    )


class Milestones:
    """Of which steps of long work a line is printed where no bar can be drawn: of the first, of the last, and of about
    twenty between them, so that a log stays short however long the work is.
    """

    def __init__(self, total: int) -> None:
        self._total, self._share = max(total, 1), -1

    def due(self, done: int) -> bool:
        """Whether a line is due, now that so many of all steps are done."""
        share = done * LINES // self._total
        due, self._share = share > self._share, max(share, self._share)
        return due


def about(seconds: float) -> str:
    """A duration in words, as ``about 12 min``."""
    if seconds < 60:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60:02d} min"


class _Console(Console):
    """One whose reader may go away: nothing more is shown then, and what is at work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table with a title."""
    table = Table(*columns, title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for each in rows:
        table.add_row(*(Text(cell if isinstance(cell, str) else _number(cell)) for cell in each))
    console().print(table)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_json(value: Any) -> None:
    """JSON on the standard output, in ASCII where that takes no more."""
    unicode = (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not unicode))  # noqa: T201
