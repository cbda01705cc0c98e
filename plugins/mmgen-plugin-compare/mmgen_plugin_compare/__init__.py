"""Comparisons: grids of runs over objectives, β and seeds, made on one machine or many, and what they say.

The names are imported when they are first used: a process that makes one run needs neither tables nor figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgen.lazy import lazily

__all__ = [
    "Choice",
    "Comparison",
    "ComparisonRequest",
    "ComparisonWarning",
    "Execution",
    "Grid",
    "GridRequest",
    "Job",
    "Launcher",
    "LauncherConfig",
    "Member",
    "Outcome",
    "chosen_betas",
    "collect_results",
    "compare",
    "expand",
    "make_launcher",
    "make_runs",
    "run_comparison",
    "summarise",
    "tradeoff_figure",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        ".comparison": ("Comparison", "ComparisonWarning", "compare", "run_comparison"),
        ".figure": ("tradeoff_figure",),
        ".grid": ("Grid", "expand"),
        ".launchers": ("Launcher", "LauncherConfig", "make_launcher"),
        ".runner": ("Outcome", "make_runs"),
        ".job": ("Job",),
        ".member": ("Member",),
        ".measures": ("Choice",),
        ".request": ("ComparisonRequest", "Execution", "GridRequest"),
        ".summary": ("chosen_betas", "collect_results", "summarise"),
    },
)

if TYPE_CHECKING:
    from .comparison import Comparison, ComparisonWarning, compare, run_comparison
    from .figure import tradeoff_figure
    from .grid import Grid, expand
    from .job import Job
    from .launchers import Launcher, LauncherConfig, make_launcher
    from .measures import Choice
    from .member import Member
    from .request import ComparisonRequest, Execution, GridRequest
    from .runner import Outcome, make_runs
    from .summary import chosen_betas, collect_results, summarise
