"""Where the runs of a comparison are executed: launchers, found by entry point (``mmgen.launchers``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmgen.options import validated
from mmgen.registry import load

from .launcher import Launcher, LauncherConfig


def make_launcher(name: str, folder: Path, options: Mapping[str, Any] | None = None) -> Launcher:
    """The launcher called ``name``.

    Args:
        name: ``local``, ``ray``, ``slurm``, or that of an installed plugin.
        folder: Where an engine may keep files of its own.
        options: Of the launcher, by name (``mmgen info NAME``); its defaults without any.

    Raises:
        MmgenError: An unknown launcher, an option that it does not have, or an extra that is not installed.
    """
    kind: type[Launcher] = load("launchers", name)
    return kind(folder, validated(kind.Config, options or {}, "launcher"))


__all__ = ["Launcher", "LauncherConfig", "make_launcher"]
