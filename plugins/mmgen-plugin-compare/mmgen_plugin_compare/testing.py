"""For tests of what makes many runs: a launcher that does them in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .launchers import Launcher, LauncherConfig
from .worker import Job, work


class InThisProcess(Launcher):
    """Does each job when it is asked how far it is."""

    parallel = 1

    def __init__(self, folder: Path, config: LauncherConfig) -> None:
        self.waiting: list[Job] = []
        self.done: list[str] = []

    def submit(self, job: Job) -> None:
        """Queue it."""
        self.waiting.append(job)

    def poll(self) -> dict[str, str]:
        """Do one."""
        if not self.waiting:
            return {}
        job = self.waiting.pop(0)
        work(job.file)
        self.done.append(job.name)
        return {job.name: "it was done here"}

    def cancel(self) -> None:
        """Forget what waits."""
        self.waiting.clear()

    def close(self) -> None:
        """Nothing is left open."""


def run_here(patch: Any) -> list[InThisProcess]:
    """Let comparisons and reproductions make their runs in this process.

    Args:
        patch: pytest's ``monkeypatch``.

    Returns:
        The launchers that were used, one more with each call that makes runs.
    """
    used: list[InThisProcess] = []

    def make(name: str, folder: Path, options: Mapping[str, Any]) -> InThisProcess:
        used.append(InThisProcess(folder, LauncherConfig()))
        return used[-1]

    patch.setattr("mmgen_plugin_compare.request.make_launcher", make)
    patch.setattr("mmgen_plugin_compare.runner.PAUSE", 0)
    return used
