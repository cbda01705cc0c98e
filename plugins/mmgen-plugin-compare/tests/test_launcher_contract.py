"""The contract of launchers: the local one holds it, and each fault is found by its check."""

import pytest
from pydantic import Field

from mmgen_plugin_compare import LauncherConfig
from mmgen_plugin_compare.launchers.local import LocalConfig, LocalLauncher
from mmgen_plugin_compare.testing import InThisProcess, LauncherContract


class TestLocal(LauncherContract):
    component = "local"
    options = {"jobs": 2}


class WithoutDescription(LocalLauncher):
    """One of its options has no description."""

    Config = type("Config", (LocalConfig,), {"__annotations__": {"queue": int}, "queue": 1, "__module__": __name__})


class TakesAnything(LocalLauncher):
    """Options that it does not have are taken."""

    class Config(LauncherConfig, extra="ignore"):
        """Options."""

        jobs: int = Field(1, description="Runs at a time.")


class Repeats(InThisProcess):
    """Ended jobs are reported again and again."""

    def poll(self):
        self.reports = {**getattr(self, "reports", {}), **super().poll()}
        return self.reports


class DoesNothing(LocalLauncher):
    """Jobs are reported, and nobody does them."""

    def submit(self, job):
        self.waiting.append(job)

    def poll(self):
        reports = {job.name: "its process ended with exit code 0" for job in self.waiting}
        self.waiting.clear()
        return reports


class ForgetsWhatWaits(InThisProcess):
    """What there was no room for is never started."""

    def poll(self):
        self.waiting[1:] = []
        return super().poll()


class Kills(LocalLauncher):
    """A job that is cancelled has no time for a checkpoint."""

    def cancel(self):
        for process in self.running.values():
            process.kill()


@pytest.mark.parametrize(
    ("fault", "check", "sentence"),
    [
        (WithoutDescription, "test_it_is_described", "the option queue has no description"),
        (TakesAnything, "test_an_unknown_option_is_a_sentence", "that it does not have is not refused"),
        (Repeats, "test_every_job_is_done_and_reported_once", "twice"),
        (DoesNothing, "test_every_job_is_done_and_reported_once", "nobody has done it"),
        (ForgetsWhatWaits, "test_every_job_is_done_and_reported_once", "poll does not report job-1, job-2"),
        (Kills, "test_what_is_cancelled_stops_with_a_checkpoint", "it was not asked to write a checkpoint"),
    ],
)
def test_a_fault_is_found(fault, check, sentence):
    contract = LauncherContract.of(fault, seconds=2 if fault is ForgetsWhatWaits else 120)  # in full, there
    with pytest.raises(AssertionError, match=sentence):
        getattr(contract(), check)()
