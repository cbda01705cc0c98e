"""Runs as processes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

from pydantic import Field

from ..job import Job
from .launcher import Launcher, LauncherConfig


class LocalConfig(LauncherConfig):
    """Options of :class:`LocalLauncher`."""

    jobs: int = Field(1, ge=1, description="Runs at a time.")


class LocalLauncher(Launcher):
    """As many processes at a time as ``jobs`` says, each with an equal share of the cores.

    ``OMP_NUM_THREADS`` says otherwise where it is set.
    """

    Config = LocalConfig

    def __init__(self, folder: Path, config: LocalConfig) -> None:
        self.parallel = config.jobs
        self.waiting: deque[Job] = deque()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.environment = {"OMP_NUM_THREADS": str(max(1, cores // config.jobs)), **os.environ}

    def submit(self, job: Job) -> None:
        """Start it, or queue it."""
        self.waiting.append(job)
        self._fill()

    def _fill(self) -> None:
        while self.waiting and len(self.running) < (self.parallel or 1):
            job = self.waiting.popleft()
            with job.log.open("ab") as log:
                self.running[job.name] = subprocess.Popen(
                    [sys.executable, "-m", "mmgen_plugin_compare.worker", str(job.file)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self.environment,
                    # Ctrl-C reaches this process alone, which passes it on once: a second one would not wait for a
                    # checkpoint
                    start_new_session=True,
                )

    def poll(self) -> dict[str, str]:
        """Processes that have ended; others take their places."""
        ended = {name: process.returncode for name, process in self.running.items() if process.poll() is not None}
        for name in ended:
            del self.running[name]
        self._fill()
        return {name: _describe_exit(code) for name, code in ended.items()}

    def cancel(self) -> None:
        """SIGINT to each."""
        self.waiting.clear()
        for process in self.running.values():
            process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()


def _describe_exit(code: int) -> str:
    return (
        f"its process was ended by {signal.Signals(-code).name}"
        if code < 0
        else f"its process ended with exit code {code}"
    )
