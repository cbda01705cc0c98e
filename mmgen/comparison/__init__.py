"""Comparisons: grids of runs over objectives, β and seeds, made on one machine or many, and what they say.

The names are imported when they are first used: a process that makes one run needs neither tables nor figures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Choice": "table",
    "Comparison": "comparison",
    "ComparisonWarning": "comparison",
    "Grid": "grid",
    "Member": "grid",
    "Outcome": "runner",
    "chosen_betas": "table",
    "compare": "comparison",
    "expand": "grid",
    "make_runs": "runner",
    "results": "table",
    "run_comparison": "comparison",
    "summarise": "table",
    "tradeoff_figure": "figure",
}

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

if TYPE_CHECKING:
    from .comparison import Comparison, ComparisonWarning, compare, run_comparison
    from .figure import tradeoff_figure
    from .grid import Grid, Member, expand
    from .runner import Outcome, make_runs
    from .table import Choice, chosen_betas, results, summarise


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmgen.comparison' has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
