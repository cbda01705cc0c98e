"""Which runs of a grid are made by one process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .job import Job
from .launchers import Launcher
from .member import Member

Together = Literal["auto", "on", "off"]
MOST = 32  # runs in one process, since each has a model, an optimiser and gradients


@dataclass(frozen=True)
class Bundle:
    """The runs of one job.

    Attributes:
        members: The runs; several ones are of one objective, under several β and seeds.
        job: Of the one run, or of all.
    """

    members: Sequence[Member]
    job: Job

    def describe(self, metrics: Mapping[str, list[str]], together: Together) -> None:
        """Write what there is to do.

        What an earlier attempt left of the states is not mistaken for that of this one.
        """
        for member in self.members:
            before = member.job.state()
            member.job.describe(dict(member.config), member.path, dict(metrics))
            member.job.keep(state="waiting", evaluated=before.get("evaluated", {}))
        if len(self.members) > 1:
            self.job.describe_several([member.job for member in self.members], of_any_size=together == "on")


def bundles(members: Sequence[Member], launcher: Launcher, together: Together) -> list[Bundle]:
    """Which runs one process makes, in the order in which they are begun.

    The runs of an objective are dealt to as many jobs as keep everything that runs at a time busy to the end. Where
    nobody knows how many that are, as on a cluster, each run is a job, or with ``on`` all of an objective.
    """
    parallel = launcher.parallel if together == "auto" else launcher.parallel or 1
    if together == "off" or parallel is None:
        return [Bundle([member], member.job) for member in members]
    series: dict[tuple[object, str], list[Member]] = {}
    for member in members:
        series.setdefault((member.folder, member.objective), []).append(member)
    jobs = parallel // math.gcd(parallel, len(series)) if series else 1  # of each: then their number is a multiple
    dealt = []
    for (_, objective), runs in series.items():
        count = max(min(jobs, len(runs)), math.ceil(len(runs) / MOST))
        dealt += [_bundle(objective, runs[k::count]) for k in range(count)]
    return dealt


def _bundle(objective: str, runs: Sequence[Member]) -> Bundle:
    first = runs[0].job
    return Bundle(runs, first if len(runs) == 1 else Job(f"{first.name}_and-{len(runs) - 1}-more", first.folder))
