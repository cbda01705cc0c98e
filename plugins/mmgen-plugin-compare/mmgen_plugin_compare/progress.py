"""What a person sees while a grid of runs is made: a live view on a terminal, elsewhere a line per run that ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as ScreenTable
from rich.text import Text

from mmgen.screen import about

from .job import RUNNING
from .member import Member
from .worker import share_trained


def time_left(
    finished: Sequence[tuple[str, float]],
    running: Sequence[tuple[str, float, float]],
    waiting: Sequence[str],
    parallel: int,
) -> float | None:
    """Seconds until everything is done, None where nothing is known yet.

    A run takes as long as the finished ones of its objective took on average (of all objectives, where it has none);
    without any finished run, as long as the running ones will take at their pace. What is left is divided by how many
    runs go on at a time, but takes no less than the longest of what runs.

    Args:
        finished: Objective and seconds of each run that was made from start to end.
        running: Objective, seconds so far, and the share (0 to 1) that was done in them.
        waiting: Objectives of runs that wait.
        parallel: How many run at a time.
    """
    means = _mean_seconds(finished)
    paces = [seconds / share for _, seconds, share in running if share > 0]
    guesses = list(means.values()) or paces
    if not guesses:
        return None if running or waiting else 0.0
    usual = sum(guesses) / len(guesses)
    remaining = [
        max(0.0, (seconds / share if share > 0 else means.get(objective, usual)) - seconds)
        for objective, seconds, share in running
    ]
    rest = sum(means.get(objective, usual) for objective in waiting)
    return max((sum(remaining) + rest) / max(1, parallel), max(remaining, default=0.0))


def _mean_seconds(finished: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Of each objective."""
    times: dict[str, list[float]] = {}
    for objective, seconds in finished:
        times.setdefault(objective, []).append(seconds)
    return {objective: sum(seconds) / len(seconds) for objective, seconds in times.items()}


def format_time_left(seconds: float | None) -> str:
    """``about 12 min left``."""
    return "time left not known yet" if seconds is None else f"{about(seconds)} left"


class View:
    """Shows the state of all runs; ``console`` None shows nothing."""

    def __init__(self, console: Console | None, members: Mapping[str, Member], parallel: int | None) -> None:
        self.console, self.members, self.parallel = console, dict(members), parallel
        self.ended: dict[str, str] = {}  # name of a job to what is wrong with it, '' where nothing is
        self.times: list[tuple[str, float]] = []
        self.live = Live(console=console, refresh_per_second=4) if console is not None and console.is_terminal else None

    def __enter__(self) -> View:
        if self.live:
            self.live.start()
        elif self.console is not None and self.members:
            runs = "One run" if len(self.members) == 1 else f"{len(self.members)} runs"
            self.console.print(
                f"{runs} to make" + (f", {self.parallel} at a time." if self.parallel else "."), highlight=False
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.update(Text(self.summary()))
            self.live.stop()

    def end(self, name: str, reason: str) -> None:
        """A run has ended: well, or for a reason."""
        self.ended[name] = reason
        state, member = self.members[name].job.state(), self.members[name]
        seconds = state.get("seconds", 0.0)
        if not reason and not state.get("share"):
            self.times.append((member.objective, seconds))
        if self.console is not None:
            took = f"finished in {seconds:.0f} s" if not reason else f"failed: {reason}"
            line = f"{member.name}: {took}" + ("" if self.live else f"  ({self.summary()})")
            self.console.print(line, highlight=False, markup=False)

    def update(self) -> None:
        """Look at the running ones again."""
        if self.live:
            self.live.update(self._render())

    def _running(self) -> list[tuple[Member, float, float, float]]:
        """Member, seconds so far, the share that is done, and the share that was done in those seconds."""
        rows = []
        for name, member in self.members.items():
            state = {} if name in self.ended else member.job.state()
            if state.get("state") == RUNNING:
                share = share_trained(member.path, member.epochs)
                rows.append((member, time.time() - state["started"], share, share - state.get("share", 0.0)))
        return rows

    def summary(self) -> str:
        """All runs in one line."""
        running = self._running()
        busy = {member.job.name for member, *_ in running}
        waiting = [
            member.objective for name, member in self.members.items() if name not in self.ended and name not in busy
        ]
        pace = [(member.objective, seconds, gained) for member, seconds, _, gained in running]
        failed = sum(1 for reason in self.ended.values() if reason)
        counts = f"{len(self.ended) - failed} of {len(self.members)} finished" + (
            f", {failed} failed" if failed else ""
        )
        if not running and not waiting:
            return counts
        left = time_left(self.times, pace, waiting, max(self.parallel or 1, len(running)))
        return f"{counts}, {format_time_left(left)}"

    def _render(self) -> RenderableType:
        grid = ScreenTable.grid(padding=(0, 2))
        for member, seconds, share, _ in self._running():
            epoch = "evaluation" if share >= 1 else f"epoch {round(share * member.epochs)} of {member.epochs}"
            grid.add_row(
                Text(member.name),
                ProgressBar(total=1.0, completed=share, width=24),
                Text(epoch),
                Text(f"{seconds:.0f} s"),
            )
        return Group(Text(self.summary()), grid)
