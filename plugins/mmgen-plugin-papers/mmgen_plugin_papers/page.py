"""``reproduction.md``: every table with ours, printed and the difference, what the data are, and what to know about the
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from .layout import BETTER, lines, notes
from .paper import Layout, Paper, Scale

SCALE = {
    "desk": "Scale: desk. Smaller networks, fewer steps and less data than published, so compare orders of methods "
    "rather than numbers.",
    "paper": "Scale: paper. Networks, steps and settings as published, as far as they are.",
}


def page(
    name: str,
    paper: Paper,
    tables: Sequence[Layout],
    scale: Scale,
    numbers: pd.DataFrame,
    data: Mapping[str, list[str]],
) -> str:
    """The page in Markdown.

    Args:
        name: Of the paper.
        paper: The paper.
        tables: Those that are shown.
        scale: What the runs are.
        numbers: :func:`mmgen_plugin_papers.table_of_numbers` of all of them.
        data: What the data of each experiment are, in words.
    """
    parts = [
        f"# {paper.title}",
        paper.cited,
        SCALE[scale],
        "Ours: test rows, mean ± sample standard deviation over seeds. Difference: ours − printed.",
    ]
    for table in tables:
        mine = numbers[numbers.table == table.id]
        where = f" (page {table.page})" if table.page else ""
        parts += [f"## {table.id}{where}", table.caption]
        parts += [f"Data: {sentence}" for sentence in data.get(str(table.experiment), [])]
        parts.append(_markdown(table, mine))
        parts += [f"- {sentence}" for sentence in _said_of_methods(paper, table) + notes(table, mine)]
        parts.append(f"`mmgen reproduce {name}/{table.id} --scale {scale}`")
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _markdown(table: Layout, numbers: pd.DataFrame) -> str:
    """The table, every line of a method in a line of its own."""
    heads = [
        f"{column.name} ({BETTER[column.better]})" if BETTER[column.better] else column.name for column in table.columns
    ]
    rows = [["method", "", *heads], ["---"] * (len(heads) + 2)]
    before = ""
    for line in lines(table, numbers):
        rows.append([line.method if line.method != before else "", line.what, *line.cells])
        before = line.method
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _said_of_methods(paper: Paper, table: Layout) -> list[str]:
    """What differs from the paper's methods."""
    methods = paper.experiments[str(table.experiment)].methods
    return [f"{methods[row].name}: {methods[row].note}" for row in paper.rows(table) if methods[row].note]
