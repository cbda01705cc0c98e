"""``mmgen export`` and ``mmgen push``."""

from __future__ import annotations

from pathlib import Path

from ..reports import export_run, push
from .tables import console


def export_command(run: Path, to: Path) -> None:
    """Write the folder, and say how it is loaded."""
    folder = export_run(run, to)
    console().print(f"Exported: {folder}", highlight=False)
    console().print(f"Load it with mmgen.load_run({str(folder)!r}); mmgen push {folder} --repo user/name uploads it.", highlight=False)


def push_command(path: Path, repository: str) -> None:
    """Upload, and say where it is."""
    console().print(f"Uploaded: {push(path, repository)}", highlight=False)
