"""What every launcher runs: a file that describes a run in, a trained and evaluated run folder out.

``python -m mmgen_plugin_compare.worker FILE`` is the same for a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console

from mmgen.errors import MmgenError
from mmgen.files import write_text
from mmgen.options import validated
from mmgen.runs import HISTORY, MODEL, RunFolder, load_run
from mmgen.training import TrainingConfig, TrainingStopped
from mmgen.training.train import train_run
from mmgen.yaml_files import dump_yaml, read_mapping

FINISHED, FAILED, STOPPED, RUNNING = "finished", "failed", "stopped", "running"
EXIT_CODES = {FINISHED: 0, FAILED: 1, STOPPED: 130}


@dataclass(frozen=True)
class Job:
    """One run that is to be made: where it is described, and where its state is written.

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
        """Write the description.

        Args:
            config: Of the run, as :func:`mmgen.runs.layered` returns it.
            run: Its folder.
            metrics: What is computed on each split: ``{"val": [...], "test": [...]}``.
        """
        content = {"run": str(run.resolve()), "directory": str(Path.cwd()), "metrics": metrics, "config": config}
        write_text(self.file, dump_yaml(content))

    def state(self) -> dict[str, Any]:
        """How far it is.

        ``state``, ``reason``, ``started`` and ``seconds`` (of the last attempt), ``share`` (at its start),
        ``evaluated``.
        """
        try:
            return json.loads((self.folder / f"{self.name}.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return {}

    def keep(self, **state: Any) -> None:
        """Write how far it is."""
        write_text(self.folder / f"{self.name}.json", json.dumps(state, ensure_ascii=False) + "\n")


def missing_metrics(run: Path, state: dict[str, Any], metrics: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is still to be computed on each split of a run that is trained; everything where it is not."""
    done = state.get("evaluated", {}) if (run / MODEL).exists() else {}
    return {split: [name for name in names if name not in done.get(split, [])] for split, names in metrics.items()}


def share_trained(run: Path, epochs: int) -> float:
    """How much of a training is done, 0 to 1, by the epochs in its history."""
    if (run / MODEL).exists():
        return 1.0
    try:
        return min(1.0, (run / HISTORY).read_bytes().count(b"\n") / epochs)
    except OSError:
        return 0.0


def work(file: Path | str) -> str:
    """Train (or go on with) the run that a file describes, evaluate it, and write how that went.

    Another process that works on the same run is waited for, so that a job which was submitted twice is done once.

    Returns:
        ``finished``, ``failed`` or ``stopped``; why is in the job's state.
    """
    job = Job.of(Path(file).resolve())
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.lock), _log_screen(job.log) as screen:
        return _train_and_evaluate(job, screen)


def _train_and_evaluate(job: Job, screen: Console) -> str:
    description = read_mapping(job.file)
    os.chdir(description["directory"])
    run, config, before = Path(description["run"]), description["config"], job.state()
    evaluated = before.get("evaluated", {}) if (run / MODEL).exists() else {}
    facts: dict[str, Any] = {"started": time.time(), "evaluated": evaluated, "share": 0.0}
    outcome, reason = FINISHED, ""
    try:
        facts["share"] = share_trained(run, validated(TrainingConfig, config.get("training", {}), "training").epochs)
        job.keep(state=RUNNING, **facts)
        if not (run / MODEL).exists():
            _train(config, RunFolder(run), screen)
        for split, names in missing_metrics(run, {"evaluated": evaluated}, description["metrics"]).items():
            if names:
                _evaluate(run, names, split, screen)
                evaluated[split] = [*evaluated.get(split, []), *names]
                job.keep(state=RUNNING, **facts)
    except (TrainingStopped, KeyboardInterrupt) as stop:
        outcome, reason = STOPPED, str(stop) or "It was stopped while it was evaluated."
    except MmgenError as error:
        outcome, reason = FAILED, str(error)
    except Exception as error:
        screen.print_exception()
        outcome, reason = FAILED, f"{type(error).__name__}: {error} (the whole story is in {job.log})"
    if reason:
        screen.print(reason, highlight=False)
    job.keep(state=outcome, reason=reason, seconds=round(time.time() - facts["started"], 3), **facts)
    return outcome


def _train(config: dict[str, Any], folder: RunFolder, screen: Console) -> None:
    if not folder.holds_a_run:
        folder.sweep()  # half a configuration, of a process that was killed while it wrote it
    train_run(config, folder, resume=True, screen=screen)


def _evaluate(path: Path, names: list[str], split: str, screen: Console) -> None:
    """All of these metrics; on validation rows, which only choose, the first one that finds something."""
    run = load_run(path)
    evaluation = run.evaluation(split=split)
    for part in [[name] for name in names] if split == "val" else [names]:
        found = run.evaluate(metrics=part, evaluation=evaluation, notify=lambda s: screen.print(s, highlight=False))
        if found and split == "val":
            return


@contextmanager
def _log_screen(path: Path) -> Iterator[Console]:
    with path.open("a", encoding="utf-8") as file:
        yield Console(file=file, markup=False, width=160, soft_wrap=True)


def main() -> None:
    """Do the job that the command line names; the exit code says how it ended."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it
    sys.exit(EXIT_CODES[work(sys.argv[1])])


if __name__ == "__main__":
    main()
