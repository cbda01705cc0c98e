"""``mmgen report``."""

from __future__ import annotations

from pathlib import Path

from ..reports import write_report
from .tables import console


def command(runs: list[Path], out: Path, max_points: int) -> None:
    """Write the page, and say where it is and how large."""
    made = write_report(runs, out, max_points)
    console().print(f"Report: {made} ({made.stat().st_size / 1e6:.1f} MB)", highlight=False)
