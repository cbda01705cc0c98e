"""What is to be made: a run, or several runs that one process makes, and the files that say so and how far it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgen.files import write_text
from mmgen.runs import MODEL
from mmgen.yaml_files import dump_yaml, read_mapping

FINISHED, FAILED, STOPPED, RUNNING = "finished", "failed", "stopped", "running"


@dataclass(frozen=True)
class Job:
    """One run that is to be made, or several (:meth:`describe_several`): where it is described, and where its state is
    written.

    Attributes:
        name: Unique within a comparison, made of letters that every file system allows.
        folder: Where the files of jobs are: ``NAME.yaml`` describes it, ``NAME.json`` says how far it is, ``NAME.log``
            what it said.
    """

    name: str
    folder: Path

    @property
    def file(self) -> Path:
        """The description."""
        return self.folder / f"{self.name}.yaml"

    @property
    def log(self) -> Path:
        """What it said."""
        return self.folder / f"{self.name}.log"

    @property
    def lock(self) -> Path:
        """Held by the one process that works on it."""
        return self.folder / f"{self.name}.lock"

    @classmethod
    def of(cls, file: Path) -> Job:
        """The job that a file describes."""
        return cls(file.stem, file.parent)

    def describe(self, config: dict[str, Any], run: Path, metrics: dict[str, list[str]]) -> None:
        """Write the description of a run.

        Args:
            config: Of the run, as :func:`mmgen.runs.layered` returns it.
            run: Its folder.
            metrics: What is computed on each split: ``{"val": [...], "test": [...]}``.
        """
        content = {"run": str(run.resolve()), "directory": str(Path.cwd()), "metrics": metrics, "config": config}
        write_text(self.file, dump_yaml(content))

    def describe_several(self, jobs: Sequence[Job], *, of_any_size: bool) -> None:
        """Write the description of several runs that one process makes.

        Args:
            jobs: Of single runs, in the same folder, which are described and have states of their own.
            of_any_size: Whether networks make their steps in one pass that are too large to gain by it here, too.
        """
        write_text(self.file, dump_yaml({"runs": [job.name for job in jobs], "of_any_size": of_any_size}))

    def runs(self) -> list[Job]:
        """The jobs of single runs: those that it consists of, or itself."""
        names = read_mapping(self.file).get("runs")
        return [self] if names is None else [Job(name, self.folder) for name in names]

    def state(self) -> dict[str, Any]:
        """How far a run is.

        ``state``, ``reason``, ``started`` and ``seconds`` (of the last attempt), ``share`` (at its start),
        ``evaluated``.
        """
        try:
            state = json.loads((self.folder / f"{self.name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):  # not there, no text, or no JSON: it begins anew
            return {}
        return state if isinstance(state, dict) else {}

    def keep(self, **state: Any) -> None:
        """Write how far it is."""
        write_text(self.folder / f"{self.name}.json", json.dumps(state, ensure_ascii=False) + "\n")


def missing_metrics(run: Path, state: dict[str, Any], metrics: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is still to be computed on each split of a run that is trained; everything where it is not."""
    done = state.get("evaluated", {}) if (run / MODEL).exists() else {}
    return {split: [name for name in names if name not in done.get(split, [])] for split, names in metrics.items()}
