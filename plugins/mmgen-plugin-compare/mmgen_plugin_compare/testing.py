"""For tests of launchers, their contract; for tests of what makes many runs, a launcher that does them in this
process.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from mmgen.errors import MmgenError
from mmgen.options import validated
from mmgen.registry import brief
from mmgen.runs import HISTORY, layered
from mmgen.testing import Contract, write_toy_table

from .job import STOPPED, Job
from .launchers import Launcher, LauncherConfig
from .worker import work

PAUSE = 0.05  # seconds between looks at jobs


class LauncherContract(Contract):
    """Standard checks of a launcher whose jobs are processes of their own: its options, and that jobs are done, are
    reported once, and stop when they are asked to.

    Attributes:
        seconds: How long a check waits for jobs before it says that they do not end.
    """

    kind: ClassVar[str] = "launchers"
    seconds: ClassVar[float] = 300

    # What checks use --------------------------------------------------------------------------------------------------

    @contextmanager
    def started(self) -> Iterator[tuple[Launcher, Path]]:
        """The launcher with its options, and a folder for jobs and runs; both are gone afterwards."""
        kind: Any = self.loaded()
        with TemporaryDirectory() as name:
            folder = Path(name).resolve()
            launcher = kind(folder, validated(kind.Config, self.options, "launcher"))
            try:
                yield launcher, folder
            finally:
                launcher.close()

    def wait(self, launcher: Launcher, names: Collection[str]) -> dict[str, str]:
        """What the launcher reports, once it has reported these jobs."""
        reports: dict[str, str] = {}
        limit = time.monotonic() + self.seconds
        while not set(names) <= set(reports):
            assert time.monotonic() < limit, (
                f"{self.who}: poll does not report {', '.join(sorted(set(names) - set(reports)))}"
            )
            for name, ending in launcher.poll().items():
                assert name not in reports, f"{self.who}: poll reports the job {name} twice"
                reports[name] = ending
            time.sleep(PAUSE)
        return reports

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_it_is_described(self) -> None:
        """The first paragraph of the docstring is what ``mmgen list launchers`` shows; every option has a
        description.
        """
        line = brief(inspect.getdoc(self.loaded()))
        assert line.endswith("."), f"{self.who}: the first paragraph of its docstring, {line!r}, is no sentence"
        for name, field in self.loaded().Config.model_fields.items():
            assert field.description, f"{self.who}: the option {name} has no description"

    def test_an_unknown_option_is_a_sentence(self) -> None:
        """An option that the launcher does not have is refused by name."""
        sentence = ""
        try:
            validated(self.loaded().Config, {**self.options, "no_such_option": 1}, "launcher")
        except MmgenError as error:
            sentence = str(error)
        assert "launcher.no_such_option: there is no such option" in sentence, (
            f"{self.who}: an option that it does not have is not refused"
        )

    def test_every_job_is_done_and_reported_once(self) -> None:
        """Three jobs, more than run at a time: each has a state, which says what is wrong with its configuration."""
        with self.started() as (launcher, folder):
            jobs = [Job(f"job-{number}", folder) for number in range(3)]
            for job in jobs:
                job.describe({"training": {"epochs": 0}}, folder / f"run-{job.name}", {})
                launcher.submit(job)
            reports = self.wait(launcher, [job.name for job in jobs])
            assert not launcher.poll(), f"{self.who}: poll reports a job twice"
            assert set(reports) == {job.name for job in jobs}, f"{self.who}: poll reports jobs that there are not"
            for job in jobs:
                ending = reports[job.name]
                assert "training.epochs" in job.state().get("reason", ""), (
                    f"{self.who}: a job is reported ({ending!r}), and nobody has done it"
                )
                assert ending.strip(" .") == ending != "", (
                    f"{self.who}: {ending!r} is not the end of a sentence that says how a process ended"
                )

    def test_what_is_cancelled_stops_with_a_checkpoint(self) -> None:
        """A training that would go on for long is asked to stop: it says so, and the launcher says that it has."""
        with self.started() as (launcher, folder):
            job, run = Job("long", folder), folder / "run"
            options = {
                "dataset": {"config": str(write_toy_table(folder))},
                "model": {"latent_dim": 2},
                "training": {"epochs": 1_000_000, "checkpoint_seconds": 0},
            }
            job.describe(layered(objective="elbo", dataset="table", options=options), run, {})
            launcher.submit(job)
            limit = time.monotonic() + self.seconds
            while not (run / HISTORY).exists():
                assert job.name not in launcher.poll(), f"{self.who}: a job ended early: {job.state()}"
                assert time.monotonic() < limit, f"{self.who}: a job does not start"
                time.sleep(PAUSE)
            launcher.cancel()
            ending = self.wait(launcher, [job.name])[job.name]
            state = job.state().get("state")
            assert state == STOPPED, (
                f"{self.who}: after cancel {ending}, and its state is {state!r}; it was not asked to write a checkpoint"
            )


class InThisProcess(Launcher):
    """Does each job when it is asked how far it is."""

    parallel = 1

    def __init__(self, folder: Path, config: LauncherConfig) -> None:
        self.waiting: list[Job] = []
        self.done: list[str] = []  # runs

    def submit(self, job: Job) -> None:
        """Queue it."""
        self.waiting.append(job)

    def poll(self) -> dict[str, str]:
        """Do one."""
        if not self.waiting:
            return {}
        job = self.waiting.pop(0)
        work(job.file)
        self.done += [run.name for run in job.runs()]
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
