"""What one sends to others: a report as a page, and a run in the layout of the Hugging Face Hub.

The names are imported when they are first used: the command line imports this package for the options of its commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgen.lazy import lazily

__all__ = ["export_run", "push", "render", "write_report"]

__getattr__, __dir__ = lazily(__name__, {".hub.export": ("export_run", "push"), ".page": ("render", "write_report")})

if TYPE_CHECKING:
    from .hub.export import export_run, push
    from .page import render, write_report
