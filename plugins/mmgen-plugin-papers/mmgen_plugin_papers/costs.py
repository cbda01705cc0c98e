"""What there is to reproduce, and what it costs."""

from __future__ import annotations

from typing import Any

from .experiments import SCALES, Scale
from .paper import Paper, papers, read_paper
from .paper_tables import PaperTable


def listing(paper: str | None = None) -> list[dict[str, Any]]:
    """Every table and figure of the installed papers, or of one, and what it costs at both scales.

    Nothing is imported or built.

    Args:
        paper: Its name; all installed ones by default.

    Returns:
        For each what it shows, its ``methods``, and how many numbers are ``printed``. ``cost`` has for ``desk`` and
            ``paper`` how many ``runs`` it takes, and the ``minutes`` of training all of them one after the other, by
            the estimates that the paper's file has; None where some have none.

    Raises:
        MmgenError: There is no such paper, or its file does not describe one.

    >>> from mmgen_plugin_papers import listing
    >>> entry = listing("crmvae")[0]
    >>> entry["table"], entry["printed"]
    ('table-1', 1)
    """
    names = papers() if paper is None else (paper,)
    return [
        _entry(name, one, table) for name, one in ((name, read_paper(name)) for name in names) for table in one.tables
    ]


def _entry(name: str, paper: Paper, table: PaperTable) -> dict[str, Any]:
    printed = [cell for cells in table.printed.values() for cell in cells if cell is not None]
    entry: dict[str, Any] = {
        "paper": name,
        "table": table.id,
        "page": table.page,
        "caption": table.caption,
        "printed": len(printed),
    }
    if table.experiment is None:
        nothing = {scale: {"runs": 0, "minutes": None} for scale in SCALES}
        return {**entry, "dataset": "", "methods": [], "reason": table.reason, "timed_on": "", "cost": nothing}
    experiment = paper.experiments[table.experiment]
    methods = [experiment.methods[row].name for row in paper.rows(table)]
    costs = {scale: _cost(paper, table, scale) for scale in SCALES}
    return {
        **entry,
        "dataset": experiment.dataset,
        "methods": methods,
        "reason": "",
        "timed_on": paper.timed_on,
        "cost": costs,
    }


def _cost(paper: Paper, table: PaperTable, scale: Scale) -> dict[str, Any]:
    experiment = paper.experiments[str(table.experiment)]
    shared = experiment.at(scale)
    variants = len({column.variant for column in table.columns if column.answers})
    runs_per_method = shared.seeds * len(shared.betas or (None,)) * variants
    methods = [experiment.methods[row] for row in paper.rows(table) if experiment.methods[row].objective is not None]
    minutes = [method.at(scale).minutes for method in methods]
    known = [minute for minute in minutes if minute is not None]
    total = round(runs_per_method * sum(known), 1) if len(known) == len(minutes) else None
    return {"runs": runs_per_method * len(methods), "minutes": total}
