"""What a behaviour plugin may implement, each function marked with ``mmgen.hookimpl``; take only the arguments you
need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("mmgen")
hookimpl = pluggy.HookimplMarker("mmgen")


@dataclass(frozen=True)
class ReportSection:
    """What a plugin adds to the report of a run: a title with text, a table, or both.

    All of it is plain text: the page escapes it, so markup is shown as it is written.

    Attributes:
        title: The heading.
        text: Paragraphs, with an empty line between them.
        columns: Headings of a table's columns.
        rows: Its rows, a string or number per column; the first cell of a row is its heading.

    Raises:
        TypeError: A title or text that is not a string, or a cell that is neither string nor number.
        ValueError: A row that has not as many cells as there are columns, or a section with nothing in it.
    """

    title: str
    text: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | float]] = ()

    def __post_init__(self) -> None:
        cells = [cell for row in (self.columns, *self.rows) for cell in row]
        if (
            not isinstance(self.title, str)
            or not isinstance(self.text, str)
            or not all(isinstance(cell, str | int | float) for cell in cells)
        ):
            raise TypeError(
                "the title, the text and the columns of a ReportSection are strings, and cells are strings or numbers"
            )
        if not self.text.strip() and not self.columns:
            raise ValueError(f"the ReportSection {self.title!r} has neither text nor a table")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(
                f"the ReportSection {self.title!r} has a row whose cells are not {len(self.columns)}, one per column"
            )


@hookspec
def mmgen_train_start(run: Any, model: Any, data: Any) -> None:
    """Before the first step. ``run`` is a :class:`mmgen.runs.RunFolder` or None when nothing is written."""


@hookspec
def mmgen_epoch_end(run: Any, model: Any, data: Any, record: dict) -> None:
    """After an epoch and its validation; ``record`` is a copy of the line that went into
    ``history.jsonl``.
    """


@hookspec
def mmgen_train_end(run: Any, model: Any, data: Any) -> None:
    """After the last step, when the final model is in place."""


@hookspec
def mmgen_report_section(run: Any) -> ReportSection | None:
    """A section of ``mmgen report`` about one :class:`mmgen.Run`, as a :class:`mmgen.ReportSection`; None for nothing.

    Called once for each run that the report shows in detail. ``run.config``, ``run.history`` and ``run.results`` are
    always there; ``run.model`` and ``run.data`` are opened when they are used, which may raise
    :class:`mmgen.MmgenError`. The page is the same whenever it is made from the same runs, so a section should not hold
    dates or random numbers. An implementation that fails, or returns something else, is named with its reason, in a
    warning and in the report, and the report goes on without it.
    """
