"""The trackers that Accelerate knows: which can be used here, and a training that goes on when one of them fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers

from ..errors import MmgenError, alternatives

ALL = "all"  # every one that is installed
DISTRIBUTIONS = {"comet_ml": "comet-ml", "aim": "'aim<4'"}  # where pip calls it otherwise


class TrackerWarning(UserWarning):
    """A tracker failed; it is missing and everything else goes on."""


def usable_trackers(requested: str | None, folder: Path | None) -> list[str]:
    """The trackers that ``training.log_with`` means.

    Raises:
        MmgenError: An unknown one, one that is not installed, or one that needs the run's folder where there is none.
    """
    if requested is None:
        return []
    known, installed = sorted(LOGGER_TYPE_TO_CLASS), [str(tracker) for tracker in get_available_trackers()]
    where = f"training.log_with={requested}:"
    if requested == ALL:
        usable = [name for name in installed if folder is not None or not _needs_folder(name)]
        if not usable:
            raise MmgenError(f"{where} no tracker is installed that could be used; pip install tensorboard, for one.")
        return usable
    if requested not in known:
        there = f"there are {alternatives(requested, [*known, ALL])}"
        raise MmgenError(f"training.log_with: there is no tracker {requested!r}; {there}")
    if requested not in installed and LOGGER_TYPE_TO_CLASS[requested].__module__.startswith("accelerate."):
        pip = f"pip install {DISTRIBUTIONS.get(requested, requested)}"
        raise MmgenError(f"{where} {requested} is not installed; {pip}, or leave out training.log_with.")
    if folder is None and _needs_folder(requested):
        raise MmgenError(f"{where} it writes into the run's folder, and there is none; name one by output.")
    return [requested]


def _needs_folder(name: str) -> bool:
    return bool(LOGGER_TYPE_TO_CLASS[name].requires_logging_directory)


class Trackers:
    """The trackers of one training.

    One that fails (no login, no network) is left out from then on, with a sentence; the run's history has the numbers.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.started: list[GeneralTracker] = []

    def start(self, config: Mapping[str, Any]) -> None:
        """Start each, and give it the run's configuration."""
        wanted = self.accelerator.log_with
        for name in wanted:
            self.accelerator.log_with, self.accelerator.trackers = [name], []
            if self._succeeds(str(name), partial(self.accelerator.init_trackers, "mmgen", config=flat(config))):
                self.started += self.accelerator.trackers
        self.accelerator.log_with, self.accelerator.trackers = wanted, self.started

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Give each the numbers of an epoch."""
        for tracker in list(self.started):
            if not self._succeeds(tracker.name, partial(tracker.log, dict(values), step=step)):
                self.started.remove(tracker)

    def finish(self) -> None:
        """Close each."""
        for tracker in self.started:
            self._succeeds(tracker.name, tracker.finish)
        self.started.clear()

    @staticmethod
    def _succeeds(name: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except Exception as error:  # of whatever a tracker is made of
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            goes_on = "The training goes on without it; history.jsonl has its numbers."
            warnings.warn(f"The tracker {name} failed ({reason}). {goes_on}", TrackerWarning, stacklevel=2)
            return False
        return True


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration as plain values by dotted path, as trackers want them."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value if isinstance(value, int | float | bool | str) else str(value)
    return found
