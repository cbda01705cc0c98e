"""Makes the runs of a grid through a launcher: finished ones are skipped, interrupted ones go on, failures listed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from mmgen.errors import MmgenError
from mmgen.runs import Plan, RunFolder
from mmgen.training.signals import StopRequest, listening

from .bundles import Bundle, Together, bundles
from .job import FAILED, FINISHED, RUNNING, missing_metrics
from .launchers import Launcher
from .member import Member
from .progress import View

PAUSE = 0.2  # seconds between looks at what runs


@dataclass
class Outcome:
    """How a grid went.

    Attributes:
        skipped: Runs that were finished before.
        failed: What is wrong with each run that is not finished, as a sentence.
        signal: The number of the signal that stopped it, 0 if none did.
    """

    skipped: list[Member] = field(default_factory=list)
    failed: dict[Member, str] = field(default_factory=dict)
    signal: int = 0

    def add(self, other: Outcome) -> None:
        """Take the runs of another grid, which was made after this one."""
        self.skipped += other.skipped
        self.failed |= other.failed
        self.signal = other.signal

    @property
    def exit_code(self) -> int:
        """128 and the signal, 1 where a run failed, otherwise 0."""
        return 128 + self.signal if self.signal else int(bool(self.failed))


def is_finished(member: Member, metrics: Mapping[str, list[str]]) -> bool:
    """Whether a run is trained, and evaluated by all these metrics on their splits."""
    return RunFolder(member.path).holds_a_run and not any(
        missing_metrics(member.path, member.job.state(), dict(metrics)).values()
    )


def check_configurations(members: Iterable[Member]) -> None:
    """Open the data and build the model of the first run of each objective, before anything is written.

    Raises:
        MmgenError: What does not fit together.
    """
    first: dict[tuple[Path, str], Member] = {}
    for member in members:
        first.setdefault((member.folder, member.objective), member)
    for member in first.values():
        Plan.of(member.config)


def make_runs(
    members: Sequence[Member],
    metrics: Mapping[str, list[str]],
    launcher: Launcher,
    console: Console | None,
    together: Together = "auto",
) -> Outcome:
    """Train and evaluate all runs that are not finished.

    SIGINT or SIGTERM asks those that run to write a checkpoint, and waits for them; a second one ends this process at
    once. Closing the launcher is the caller's.

    Args:
        members: The runs.
        metrics: What is computed on each split.
        launcher: Where they are made.
        console: Where the progress is shown; None: nowhere.
        together: Whether one process makes several runs (:func:`.bundles.bundles`).
    """
    skipped = [member for member in members if is_finished(member, metrics)]
    left = [member for member in members if member not in skipped]
    pending = {bundle.job.name: bundle for bundle in bundles(left, launcher, together)}
    with listening() as request, View(console, {one.job.name: one for one in left}, launcher.parallel) as view:
        for bundle in pending.values():
            if not request.number:
                bundle.describe(metrics, together)
                launcher.submit(bundle.job)
        outcome = _wait_for(pending, launcher, request, view)
    outcome.skipped = skipped
    return outcome


def _wait_for(pending: Mapping[str, Bundle], launcher: Launcher, request: StopRequest, view: View) -> Outcome:
    """Look at jobs until all have ended, or those that run have stopped after a signal."""
    outcome, open_jobs = Outcome(), set(pending)
    while open_jobs:
        endings = launcher.poll()
        for name in [*endings, *(name for name in open_jobs if name not in endings)]:
            for member in pending[name].members:
                state = member.job.state().get("state")
                if member.job.name in view.ended or (name not in endings and state not in (FINISHED, FAILED)):
                    continue
                reason = _reason(member, endings.get(name, ""))
                if outcome.signal and reason:
                    continue  # it was asked to stop
                view.end(member.job.name, reason)
                if reason:
                    outcome.failed[member] = reason
        open_jobs -= set(endings)
        if request.number and not outcome.signal:
            outcome.signal = request.number
            launcher.cancel()
        if outcome.signal:
            open_jobs = {name for name in open_jobs if _is_running(pending[name])}
        view.update()
        time.sleep(PAUSE)
    return outcome


def _is_running(bundle: Bundle) -> bool:
    return any(member.job.state().get("state") == RUNNING for member in bundle.members)


def _reason(member: Member, ending: str) -> str:
    """What is wrong with a run that has ended, '' where nothing is."""
    state = member.job.state()
    if state.get("state") == FINISHED:
        return ""
    return (
        state.get("reason")
        or f"{ending[:1].upper()}{ending[1:]}; the same command goes on with it (what it said is in {member.job.log})."
    )


def check_output(folder: Path, what: str, file: str) -> None:
    """Refuse a folder without ``file`` that holds something else than jobs.

    Raises:
        MmgenError: A file, or a folder of something else.
    """
    if folder.exists() and not folder.is_dir():
        raise MmgenError(f"--output: {str(folder)!r} is a file; choose a folder.")
    if folder.is_dir() and any(path.name != "jobs" for path in folder.iterdir()):
        raise MmgenError(
            f"The folder {str(folder)!r} holds something, and it is no {what} (it has no {file}); choose another "
            "--output."
        )


def claim_folder(folder: Path, command: str) -> Any:
    """The folder, for one ``mmgen compare`` or ``reproduce`` at a time."""
    try:
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        return FileLock(folder / "jobs" / f"{command}.lock").acquire(timeout=0)
    except Timeout as error:
        raise MmgenError(
            f"Another mmgen {command} is at work in {str(folder)!r}; wait for it, or choose another --output."
        ) from error
    except OSError as error:
        raise MmgenError(f"The output folder {str(folder)!r} cannot be written: {error.strerror}.") from error
