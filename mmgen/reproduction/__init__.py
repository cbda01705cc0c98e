"""Reproductions: tables and figures of papers as data, the runs behind them, and our numbers beside the printed ones.

The names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Estimate": "estimate",
    "Paper": "paper",
    "Reproduction": "reproduction",
    "dry_run": "reproduction",
    "listing": "costs",
    "papers": "paper",
    "read_paper": "paper",
    "reproduce": "reproduction",
    "run_reproduction": "reproduction",
    "table_of_numbers": "numbers",
}

__all__ = [
    "Estimate",
    "Paper",
    "Reproduction",
    "dry_run",
    "listing",
    "papers",
    "read_paper",
    "reproduce",
    "run_reproduction",
    "table_of_numbers",
]

if TYPE_CHECKING:
    from .costs import listing
    from .estimate import Estimate
    from .numbers import table_of_numbers
    from .paper import Paper, papers, read_paper
    from .reproduction import Reproduction, dry_run, reproduce, run_reproduction


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmgen.reproduction' has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
