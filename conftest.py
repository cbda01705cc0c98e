"""What tests share: deterministic Hypothesis, a cache folder of its own, and runs that are made in the process of the test."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("mmgen", derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mmgen")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("MMGEN_CACHE")
    os.environ["MMGEN_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["MMGEN_CACHE"]
    else:
        os.environ["MMGEN_CACHE"] = before


@pytest.fixture
def here(monkeypatch):
    """Runs of comparisons and reproductions are made in this process; the launchers that were used."""
    from mmgen.comparison.launchers import Launcher  # not at the top: pytest's import hooks are not there yet
    from mmgen.comparison.worker import work

    class InThisProcess(Launcher):
        """Does each job when it is asked how far it is."""

        parallel = 1

        def __init__(self):
            self.waiting, self.done = [], []

        def submit(self, job):
            self.waiting.append(job)

        def poll(self):
            if not self.waiting:
                return {}
            job = self.waiting.pop(0)
            work(job.file)
            self.done.append(job.name)
            return {job.name: "it was done here"}

        def cancel(self):
            self.waiting.clear()

        def close(self):
            pass

    used = []

    def make(name, folder, **options):
        used.append(InThisProcess())
        return used[-1]

    monkeypatch.setattr("mmgen.comparison.comparison.make_launcher", make)
    monkeypatch.setattr("mmgen.reproduction.reproduction.make_launcher", make)
    monkeypatch.setattr("mmgen.comparison.runner.PAUSE", 0)
    return used
