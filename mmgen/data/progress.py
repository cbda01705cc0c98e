"""A progress bar for long preparations: on standard error, and only where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` while a bar shows ``what``, how far it is, its rate and the time left.

    Args:
        items: Anything iterable.
        what: What is being done, such as "reading images".
        total: How many there are, where ``items`` does not know its length.

    >>> from mmgen import track
    >>> sum(track(range(4), "adding numbers"))
    6
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(
            items, total=len(items) if total is None and isinstance(items, Sized) else total, description=what
        )
