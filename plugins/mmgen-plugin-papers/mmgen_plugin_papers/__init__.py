"""Reproductions: tables and figures of papers as data, the runs behind them, and our numbers beside the printed ones.

The names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgen.lazy import lazily

__all__ = [
    "Estimate",
    "Paper",
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
        ".paper": ("Paper", "papers", "read_paper"),
        ".request": ("ReproductionRequest",),
        ".reproduction": ("Reproduction", "dry_run", "reproduce", "run_reproduction"),
    },
)

if TYPE_CHECKING:
    from .answers import reproduced_numbers
    from .costs import listing
    from .estimate import Estimate
    from .paper import Paper, papers, read_paper
    from .reproduction import Reproduction, dry_run, reproduce, run_reproduction
    from .request import ReproductionRequest
