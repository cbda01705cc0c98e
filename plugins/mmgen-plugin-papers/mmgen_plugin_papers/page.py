"""``reproduction.md``: every table with ours, printed and the difference, the data, and what to know of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from .paper import Paper
from .paper_tables import PaperTable
from .request import ReproductionRequest
from .table_lines import BETTER, table_lines, table_notes

SCALE = {
    "desk": "Scale: desk. Smaller networks, fewer steps and less data than published, so compare orders of methods "
    "rather than numbers.",
    "paper": "Scale: paper. Networks, steps and settings as published, as far as they are.",
}


def page(
    request: ReproductionRequest,
    tables: Sequence[PaperTable],
    numbers: pd.DataFrame,
    data: Mapping[str, Sequence[str]],
) -> str:
    """The page in Markdown.

    Args:
        request: Of which paper, at which scale.
        tables: Those that are shown.
        numbers: :func:`mmgen_plugin_papers.reproduced_numbers` of all of them.
        data: Of each experiment: sentences about its data.
    """
    blocks = [
        f"# {request.paper.title}",
        request.paper.cited,
        SCALE[request.scale],
        "Ours: test rows, mean ± sample standard deviation over seeds. Difference: ours − printed.",
    ]
    for table in tables:
        blocks += _section(request, table, numbers[numbers.table == table.id], data.get(str(table.experiment), []))
    return "\n\n".join(blocks).replace("\n\n- ", "\n- ") + "\n"


def _section(request: ReproductionRequest, table: PaperTable, numbers: pd.DataFrame, data: Sequence[str]) -> list[str]:
    """The blocks about one table."""
    place = f" (page {table.page})" if table.page else ""
    notes = _method_notes(request.paper, table) + table_notes(table, numbers)
    return [
        f"## {table.id}{place}",
        table.caption,
        *(f"Data: {sentence}" for sentence in data),
        _markdown(table, numbers),
        *(f"- {sentence}" for sentence in notes),
        f"`mmgen reproduce {request.name}/{table.id} --scale {request.scale}`",
    ]


def _markdown(table: PaperTable, numbers: pd.DataFrame) -> str:
    """The table, every line of a method in a line of its own."""
    heads = [
        f"{column.name} ({BETTER[column.better]})" if BETTER[column.better] else column.name for column in table.columns
    ]
    rows = [["method", "", *heads], ["---"] * (len(heads) + 2)]
    before = ""
    for line in table_lines(table, numbers):
        rows.append([line.method if line.method != before else "", line.what, *line.cells])
        before = line.method
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _method_notes(paper: Paper, table: PaperTable) -> list[str]:
    """What differs from the paper's methods."""
    methods = paper.experiments[str(table.experiment)].methods
    return [f"{methods[row].name}: {methods[row].note}" for row in paper.rows(table) if methods[row].note]
