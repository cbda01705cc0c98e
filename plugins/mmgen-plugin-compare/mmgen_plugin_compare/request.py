"""What is asked of a comparison, as one frozen object.

It is made at the two doors (Python and the command) and passed on by everything behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from mmgen.errors import MmgenError
from mmgen.registry import entries, load

from .bundles import Together
from .launchers import Launcher, make_launcher
from .measures import Choice


@dataclass(frozen=True, kw_only=True)
class GridRequest:
    """The runs of a comparison: objectives, crossed with β and seeds, from one starting point.

    Attributes:
        objectives: Names, or ``CALLED=NAME`` for one that is to be called otherwise, such as the same objective with
            other options.
        metrics: What the runs are evaluated by on test rows.
        dataset: Its name, unless the recipe or the file has one.
        betas: The values of β; by default each objective's own.
        seeds: The seeds; by default the configuration's own.
        recipe: To start from; by default each objective's desk recipe for the dataset, where a plugin has one.
        config: A file to start from.
        assignments: ``key.path=value`` for all objectives, ``CALLED:key.path=value`` for one.
    """

    objectives: Sequence[str]
    metrics: Sequence[str]
    dataset: str | None = None
    betas: Sequence[float] | None = None
    seeds: Sequence[int] | None = None
    recipe: str | None = None
    config: Path | None = None
    assignments: Sequence[str] = ()


@dataclass(frozen=True)
class Execution:
    """Where runs are made.

    Attributes:
        launcher: Its name: ``local``, ``ray``, ``slurm``, or that of an installed plugin.
        options: Of the launcher, by name, as :func:`mmgen_plugin_compare.make_launcher` takes them.
        together: Whether one process makes several runs, as :func:`mmgen.compare` says.
    """

    launcher: str = "local"
    options: Mapping[str, Any] = field(default_factory=dict)
    together: Together = "auto"

    @classmethod
    def of(
        cls, launcher: str, jobs: int | None, options: Mapping[str, Any] | None, together: Together = "auto"
    ) -> Execution:
        """Where runs are made; ``jobs`` is short for the launcher's option of that name.

        Raises:
            MmgenError: Both say how many jobs there are, or ``together`` is none of its words.
        """
        if together not in get_args(Together):
            raise MmgenError(f"together: {together!r} is not right; it should be 'auto', 'on' or 'off'.")
        chosen = dict(options or {})
        if jobs is None:
            return cls(launcher, chosen, together)
        if "jobs" in chosen:
            raise MmgenError("jobs is given twice, alone and among the options of the launcher; leave one out.")
        return cls(launcher, {"jobs": jobs, **chosen}, together)

    @contextmanager
    def started(self, folder: Path, *, needed: bool) -> Iterator[Launcher | None]:
        """The launcher, closed in the end; None where it is not needed, since starting one takes time.

        Args:
            folder: Where it may keep files of its own.
            needed: Whether there is anything to do.

        Raises:
            MmgenError: An unknown launcher, an option that it does not have, or an extra that is not installed.
        """
        launcher = make_launcher(self.launcher, folder, self.options) if needed else None
        try:
            yield launcher
        finally:
            if launcher is not None:
                launcher.close()


@dataclass(frozen=True)
class ComparisonRequest:
    """A comparison that somebody wants.

    Attributes:
        grid: Its runs.
        choice: The measure that β is chosen by; by default the first usual one that there is.
        output: The folder; ``runs/compare-DATASET`` by default.
        execution: Where the runs are made.
    """

    grid: GridRequest
    choice: Choice | None = None
    output: Path | None = None
    execution: Execution = field(default_factory=Execution)


def metric_names(metrics: Sequence[str] | None, choice: Choice | None) -> list[str]:
    """The metrics of test rows by name, so that a folder tells what was computed whatever is installed later.

    Args:
        metrics: Names; all that are not costly where it is None.
        choice: The measure that β is chosen by; its metric is among them in any case.

    Raises:
        MmgenError: No metric, or one that is not installed.
    """
    if metrics is None:
        names = [entry.name for entry in entries("metrics") if not load("metrics", entry.name).costly]
    else:
        names = list(dict.fromkeys(metrics))
    if not names:
        raise MmgenError("--metrics: say at least one (mmgen list metrics shows them), or leave it out for all.")
    if choice is not None and choice.metric not in names:
        names.append(choice.metric)
    for name in names:
        load("metrics", name)
    return names
