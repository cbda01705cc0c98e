"""One run of a grid, and where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .job import Job
from .worker import epochs_of


@dataclass(frozen=True)
class Member:
    """One run of the grid.

    Attributes:
        objective: What it is called in the comparison.
        beta: Its β.
        seed: Its seed.
        config: Its configuration, as :func:`mmgen.runs.layered` returns it.
        folder: Of the comparison.
    """

    objective: str
    beta: float
    seed: int
    config: Mapping[str, Any] = field(compare=False, hash=False)
    folder: Path

    @property
    def key(self) -> tuple[str, float, int]:
        """What it is in the grid."""
        return self.objective, self.beta, self.seed

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder / self.objective / f"beta-{format_beta(self.beta)}" / f"seed-{self.seed}"

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.objective}, β {format_beta(self.beta)}, seed {self.seed}"

    @property
    def job(self) -> Job:
        """The files of the work on it."""
        return Job(f"{self.objective}_beta-{format_beta(self.beta)}_seed-{self.seed}", self.folder / "jobs")

    @property
    def epochs(self) -> int:
        """Of its training."""
        return epochs_of(self.path, self.config)


def format_beta(beta: float) -> str:
    """A β as folders and tables have it: ``0.01``, ``1``, ``1e-05``."""
    return f"{beta:.12g}"
