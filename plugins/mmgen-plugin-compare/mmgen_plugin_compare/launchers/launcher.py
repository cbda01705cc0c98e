"""The interface of a launcher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from mmgen.options import Options

from ..job import Job


class LauncherConfig(Options):
    """Base of a launcher's options; every field has a description and can be set by ``--launcher-option``."""


class Launcher(ABC):
    """Executes :func:`mmgen_plugin_compare.worker.work` for jobs, somewhere.

    A job's own state says how it went; a launcher says only that it has ended, and why in case that it could not say so
    itself. Files of jobs and runs must be the same ones here and where the job is executed.

    Args:
        folder: Where it may keep files of its own.
        config: Its options, a ``Config``.

    Attributes:
        Config: The class of its options; what it does not have is refused before it is made.
        parallel: How many jobs run at a time, where the launcher knows that.
    """

    Config: ClassVar[type[LauncherConfig]] = LauncherConfig
    parallel: int | None = None

    @abstractmethod
    def __init__(self, folder: Path, config: Any) -> None: ...

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job; it is started when there is room."""

    @abstractmethod
    def poll(self) -> dict[str, str]:
        """The names of jobs that have ended since the last call, each with how the process ended, as the end of a
        sentence. It does not wait.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Forget what waits, and ask what runs to write a checkpoint and stop; :meth:`poll` says when it has."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; what still runs is killed."""
