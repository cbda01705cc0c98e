"""Reproductions: tables and figures of papers as data, the runs behind them, and our numbers beside the printed ones.

The names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgen.lazy import lazily

__all__ = [
    "Answer",
    "Column",
    "Estimate",
    "Experiment",
    "Method",
    "Paper",
    "PaperTable",
    "Reproduction",
    "ReproductionRequest",
    "dry_run",
    "listing",
    "papers",
    "read_paper",
    "reproduce",
    "reproduced_numbers",
    "run_reproduction",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".costs": ("listing",),
        ".estimate": ("Estimate",),
        ".answers": ("reproduced_numbers",),
        ".experiments": ("Experiment", "Method"),
        ".paper": ("Paper", "papers", "read_paper"),
        ".paper_tables": ("Answer", "Column", "PaperTable"),
        ".request": ("ReproductionRequest",),
        ".reproduction": ("Reproduction", "dry_run", "reproduce", "run_reproduction"),
    },
)

if TYPE_CHECKING:
    from .answers import reproduced_numbers
    from .costs import listing
    from .estimate import Estimate
    from .experiments import Experiment, Method
    from .paper import Paper, papers, read_paper
    from .paper_tables import Answer, Column, PaperTable
    from .reproduction import Reproduction, dry_run, reproduce, run_reproduction
    from .request import ReproductionRequest
