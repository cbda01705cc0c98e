"""Comparisons: grids of runs over objectives, β and seeds, made on one machine or many, and what they say.

The names are imported when they are first used: a process that makes one run needs neither tables nor figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Choice",
    "Comparison",
    "ComparisonWarning",
    "Grid",
    "Member",
    "Outcome",
    "chosen_betas",
    "compare",
    "expand",
    "make_runs",
    "results",
    "run_comparison",
    "summarise",
    "tradeoff_figure",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".comparison": ("Comparison", "ComparisonWarning", "compare", "run_comparison"),
        ".figure": ("tradeoff_figure",),
        ".grid": ("Grid", "Member", "expand"),
        ".runner": ("Outcome", "make_runs"),
        ".table": ("Choice", "chosen_betas", "results", "summarise"),
    },
)

if TYPE_CHECKING:
    from .comparison import Comparison, ComparisonWarning, compare, run_comparison
    from .figure import tradeoff_figure
    from .grid import Grid, Member, expand
    from .runner import Outcome, make_runs
    from .table import Choice, chosen_betas, results, summarise
