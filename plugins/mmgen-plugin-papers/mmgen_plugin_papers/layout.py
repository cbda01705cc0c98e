"""How a table of numbers is laid out: three lines per method, ours, printed and the difference, columns as in the
paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmgen_plugin_compare.grid import said

from .paper import Layout

NOTHING = "–"
BETTER = {"higher": "more is better", "lower": "less is better", "neither": ""}


@dataclass(frozen=True)
class Line:
    """A line: which method it is of (with its β where there are several), what it has, and its cells."""

    method: str
    what: str
    cells: list[str]


def lines(table: Layout, numbers: pd.DataFrame) -> list[Line]:
    """The lines of a table, from its rows of :func:`mmgen_plugin_papers.table_of_numbers`; ``printed`` and
    ``difference`` only where something is printed.
    """
    found = []
    seeds = numbers["n"].max() if len(numbers) else 0
    for method, mine in numbers.groupby("method", sort=False):
        for beta, rows in mine.groupby("beta", sort=False, dropna=False):
            name = f"{method}, β {said(beta)}" if mine.beta.nunique() > 1 else str(method)
            cells = {row["column"]: row for row in rows.to_dict("records")}
            row = [cells[column.name] for column in table.columns]
            found.append(Line(name, "ours", [_ours(cell, seeds) for cell in row]))
            if any(pd.notna(cell["printed"]) for cell in row):
                found.append(Line(name, "printed", [_printed(cell) for cell in row]))
                found.append(Line(name, "difference", [_number(cell["difference"], cell, sign=True) for cell in row]))
    return found


def _ours(cell: dict[Any, Any], seeds: int) -> str:
    """``mean ± std``, and of how many seeds where that is fewer than elsewhere."""
    if pd.isna(cell["ours"]):
        return NOTHING
    deviation = f" ± {_number(cell['std'], cell)}" if pd.notna(cell["std"]) else ""
    return _number(cell["ours"], cell) + deviation + (f" ({cell['n']})" if cell["n"] < seeds else "")


def _printed(cell: dict[Any, Any]) -> str:
    """As many digits as ours, or as were printed where those are more."""
    if pd.isna(cell["printed"]):
        return NOTHING
    return f"{cell['printed']:g}" + (f" ± {cell['printed_std']:g}" if pd.notna(cell["printed_std"]) else "")


def _number(value: float, cell: dict[Any, Any], *, sign: bool = False) -> str:
    """Three decimals below 10, one from there, none from 1,000, by the size of what it belongs to."""
    if pd.isna(value):
        return NOTHING
    size = max(abs(cell[key]) for key in ("ours", "printed") if pd.notna(cell[key]))
    digits = 0 if size >= 1000 else 1 if size >= 10 else 3
    return f"{value:{'+' if sign else ''}.{digits}f}"


def notes(table: Layout, numbers: pd.DataFrame) -> list[str]:
    """What one should know: of the table, of columns that nothing answers, of methods that are not run, and of numbers
    not to be trusted.
    """
    found = [
        sentence for sentence in (table.note, table.empty and f"Printed cells: {table.empty}", table.reason) if sentence
    ]
    for note, rows in numbers[numbers.note != ""].groupby("note", sort=False) if len(numbers) else ():
        columns, methods = (list(dict.fromkeys(rows[key])) for key in ("column", "method"))
        where = f"{', '.join(methods)}: " if len(methods) < numbers.method.nunique() else ""
        which = f"{', '.join(columns)}: " if len(columns) < numbers.column.nunique() else ""
        found.append(f"{where}{which}{note}")
    return [sentence[:1].upper() + sentence[1:].rstrip(".") + "." for sentence in found]
