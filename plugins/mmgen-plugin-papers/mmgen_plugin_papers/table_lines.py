"""How a table of numbers is written: three lines per method (ours, printed, difference), columns as in the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmgen_plugin_compare.member import format_beta

from .paper_tables import PaperTable

NOTHING = "–"
BETTER = {"higher": "more is better", "lower": "less is better", "neither": ""}


@dataclass(frozen=True)
class TableLine:
    """A line: which method it is of (with its β where there are several), what it has, and its cells."""

    method: str
    what: str
    cells: list[str]


def table_lines(table: PaperTable, numbers: pd.DataFrame) -> list[TableLine]:
    """The lines of a table; ``printed`` and ``difference`` only where something is printed.

    Args:
        table: Of a paper.
        numbers: Its rows of :func:`mmgen_plugin_papers.reproduced_numbers`.
    """
    lines = []
    seeds = numbers["n"].max() if len(numbers) else 0
    for method, of_method in numbers.groupby("method", sort=False):
        for beta, rows in of_method.groupby("beta", sort=False, dropna=False):
            name = f"{method}, β {format_beta(beta)}" if of_method.beta.nunique() > 1 else str(method)
            cells = {row["column"]: row for row in rows.to_dict("records")}
            row = [cells[column.name] for column in table.columns]
            lines.append(TableLine(name, "ours", [_ours(cell, seeds) for cell in row]))
            if any(pd.notna(cell["printed"]) for cell in row):
                differences = [_format_number(cell["difference"], cell, sign=True) for cell in row]
                lines.append(TableLine(name, "printed", [_printed(cell) for cell in row]))
                lines.append(TableLine(name, "difference", differences))
    return lines


def _ours(cell: dict[Any, Any], seeds: int) -> str:
    """``mean ± std``, and of how many seeds where that is fewer than elsewhere."""
    if pd.isna(cell["ours"]):
        return NOTHING
    deviation = f" ± {_format_number(cell['std'], cell)}" if pd.notna(cell["std"]) else ""
    return _format_number(cell["ours"], cell) + deviation + (f" ({cell['n']})" if cell["n"] < seeds else "")


def _printed(cell: dict[Any, Any]) -> str:
    """As many digits as ours, or as were printed where those are more."""
    if pd.isna(cell["printed"]):
        return NOTHING
    return f"{cell['printed']:g}" + (f" ± {cell['printed_std']:g}" if pd.notna(cell["printed_std"]) else "")


def _format_number(value: float, cell: dict[Any, Any], *, sign: bool = False) -> str:
    """Three decimals below 10, one from there, none from 1,000, by the size of what it belongs to."""
    if pd.isna(value):
        return NOTHING
    size = max(abs(cell[key]) for key in ("ours", "printed") if pd.notna(cell[key]))
    digits = 0 if size >= 1000 else 1 if size >= 10 else 3
    return f"{value:{'+' if sign else ''}.{digits}f}"


def table_notes(table: PaperTable, numbers: pd.DataFrame) -> list[str]:
    """What one should know of the table, of columns and methods without numbers, and of numbers not to be trusted.

    Args:
        table: Of a paper.
        numbers: Its rows of :func:`mmgen_plugin_papers.reproduced_numbers`.
    """
    notes = [
        sentence for sentence in (table.note, table.empty and f"Printed cells: {table.empty}", table.reason) if sentence
    ]
    for note, rows in numbers[numbers.note != ""].groupby("note", sort=False) if len(numbers) else ():
        columns, methods = (list(dict.fromkeys(rows[key])) for key in ("column", "method"))
        who = f"{', '.join(methods)}: " if len(methods) < numbers.method.nunique() else ""
        which = f"{', '.join(columns)}: " if len(columns) < numbers.column.nunique() else ""
        notes.append(f"{who}{which}{note}")
    return [sentence[:1].upper() + sentence[1:].rstrip(".") + "." for sentence in notes]
