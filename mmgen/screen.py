"""Tables on a terminal, plain text elsewhere, JSON where it is wanted."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .processes import is_main_process


def console(*, quiet: bool = False) -> Console:
    """The console for what people read: as wide as the terminal, wide enough for a line elsewhere; silent in all
    processes but the first.
    """
    return Console(
        markup=False,
        quiet=quiet or not is_main_process(),
        width=None if sys.stdout.isatty() else 160,
        soft_wrap=not sys.stdout.isatty(),
    )


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table with a title."""
    table = Table(*columns, title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for each in rows:
        table.add_row(*(Text(cell if isinstance(cell, str) else _number(cell)) for cell in each))
    console().print(table)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_json(value: Any) -> None:
    """JSON on the standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201
