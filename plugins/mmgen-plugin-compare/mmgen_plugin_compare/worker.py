"""What every launcher runs: a file that describes a run in, a trained and evaluated run folder out; or several of them.

``python -m mmgen_plugin_compare.worker FILE`` is the same for a process of its own.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console

from mmgen.errors import MmgenError
from mmgen.options import validated
from mmgen.runs import HISTORY, MODEL, Run, RunFolder, load_run
from mmgen.training import TrainingConfig, TrainingStopped
from mmgen.training.several import Ending, Training, train_runs
from mmgen.training.together import MOST_PARAMETERS
from mmgen.yaml_files import read_mapping

from .job import FAILED, FINISHED, RUNNING, STOPPED, Job, missing_metrics

EXIT_CODES = {FINISHED: 0, FAILED: 1, STOPPED: 130}


def epochs_of(run: Path, config: Mapping[str, Any]) -> int:
    """How many epochs a training has: as the run says, which knows its rows, or else its configuration."""
    written = RunFolder(run)
    content = written.config() if written.holds_a_run else config
    return validated(TrainingConfig, content.get("training", {}), "training").total_epochs


def share_trained(run: Path, epochs: int) -> float:
    """How much of a training is done, 0 to 1, by the epochs in its history."""
    if (run / MODEL).exists():
        return 1.0
    try:
        return min(1.0, (run / HISTORY).read_bytes().count(b"\n") / epochs)
    except OSError:
        return 0.0


def work(file: Path | str) -> str:
    """Train (or go on with) the run that a file describes, or the several runs, evaluate them, and write how that went.

    Another process that works on the same run is waited for, so that a job which was submitted twice is done once.

    Returns:
        ``finished``, ``failed`` or ``stopped``: ``stopped`` where any of several runs was, else ``failed`` where any
            has; why is in the states of the runs.
    """
    job = Job.of(Path(file).resolve())
    job.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        tasks = []
        for one in sorted(job.runs(), key=lambda one: one.name):  # in one order, so that nobody waits in a circle
            stack.enter_context(FileLock(one.lock))
            tasks.append(_Task(one, stack.enter_context(_log_screen(one.log))))
        of_any_size = bool(read_mapping(job.file).get("of_any_size", False))
        outcomes = _do(tasks, math.inf if of_any_size else MOST_PARAMETERS)
    return next((outcome for outcome in (STOPPED, FAILED) if outcome in outcomes), FINISHED)


class _Task:
    """The work on one run, whose state says at every moment how far it is."""

    def __init__(self, job: Job, screen: Console) -> None:
        description = read_mapping(job.file)
        os.chdir(description["directory"])
        self.job, self.screen = job, screen
        self.run, self.config = Path(description["run"]), description["config"]
        self.metrics: dict[str, list[str]] = description["metrics"]
        self.evaluated = job.state().get("evaluated", {}) if self.is_trained else {}
        self.facts: dict[str, Any] = {}
        self.outcome = ""

    @property
    def is_trained(self) -> bool:
        return (self.run / MODEL).exists()

    def begin(self) -> None:
        """From now on it is running."""
        self.facts = {"started": time.time(), "evaluated": self.evaluated, "share": 0.0}
        self.facts["share"] = share_trained(self.run, epochs_of(self.run, self.config))
        self.job.keep(state=RUNNING, **self.facts)

    def training(self) -> Training:
        """What there is to train."""
        return Training(self.config, RunFolder(self.run), self.screen, self.begin)

    def opened(self) -> Ending:
        """The run that was trained before, or what is wrong with it."""
        try:
            self.begin()
            return load_run(self.run)
        except Exception as error:
            return error

    def finish(self, ending: Ending) -> None:
        """Evaluate what was trained, and write how all of it went.

        Args:
            ending: Of its training; the run, where that was made in this process.
        """
        reason = ""
        try:
            if ending is None:
                raise KeyboardInterrupt("It was to be gone on with when another run was stopped.")
            if isinstance(ending, Exception):
                raise ending
            for split, names in missing_metrics(self.run, {"evaluated": self.evaluated}, self.metrics).items():
                if names:
                    self._evaluate(ending, names, split)
                    self.evaluated[split] = [*self.evaluated.get(split, []), *names]
                    self.job.keep(state=RUNNING, **self.facts)
            self.outcome = FINISHED
        except (TrainingStopped, KeyboardInterrupt) as stop:
            self.outcome, reason = STOPPED, str(stop) or "It was stopped while it was evaluated."
        except MmgenError as error:
            self.outcome, reason = FAILED, str(error)
        except Exception as error:
            self.screen.print_exception()
            self.outcome, reason = FAILED, f"{type(error).__name__}: {error} (the whole story is in {self.job.log})"
        if reason:
            self.screen.print(reason, highlight=False)
        facts = self.facts or {"started": time.time(), "evaluated": self.evaluated}
        self.job.keep(state=self.outcome, reason=reason, seconds=round(time.time() - facts["started"], 3), **facts)

    def _evaluate(self, run: Run, names: list[str], split: str) -> None:
        """All of these metrics; on validation rows, which only choose, the first one that finds something."""
        evaluation = run.evaluation(split=split)
        for part in [[name] for name in names] if split == "val" else [names]:
            found = run.measurements(metrics=part, evaluation=evaluation, notify=self._say)
            if found and split == "val":
                return

    def _say(self, sentence: str) -> None:
        self.screen.print(sentence, highlight=False)


def _do(tasks: Sequence[_Task], most_parameters: float) -> set[str]:
    """How all of them went."""
    trained = [task for task in tasks if task.is_trained]
    others = [task for task in tasks if not task.is_trained]
    for number, ending in train_runs([task.training() for task in others], most_parameters):
        others[number].finish(None if _stopped(tasks) and isinstance(ending, Run) else ending)
    for task in trained:
        task.finish(None if _stopped(tasks) else task.opened())
    return {task.outcome for task in tasks}


def _stopped(tasks: Sequence[_Task]) -> bool:
    """Whether a signal has ended one of them: then no other is begun."""
    return any(task.outcome == STOPPED for task in tasks)


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
