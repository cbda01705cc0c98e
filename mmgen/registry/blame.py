"""Whose code it was: the plugin in which an error arose, or that ended Python."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import PluginError, ended, first_line
from .components import CORE, all_entries


@dataclass(frozen=True)
class Culprit:
    """A distribution, and the function of it in which something arose."""

    distribution: str
    version: str
    function: str

    def __str__(self) -> str:
        return f"The plugin {self.distribution} {self.version}".rstrip()


def culprit_of(error: BaseException) -> Culprit | None:
    """The plugin whose code an error comes from; None where the core's is nearer, or nobody's."""
    owners = {entry.point.value.partition(":")[0].partition(".")[0]: entry for entry in all_entries()}
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == "mmgen":
            return None
        entry = owners.get(package)
        if entry is not None and entry.distribution != CORE:
            return Culprit(entry.distribution, entry.version, frame.f_code.co_name)
    return None


def sentence_about(error: Exception, culprit: Culprit) -> str:
    """What went wrong in somebody's plugin."""
    return ended(f"{culprit} failed in {culprit.function}: {type(error).__name__}: {first_line(error)}")


@contextmanager
def no_exit(what: str) -> Iterator[None]:
    """Let nobody end Python in the middle of ``what``, and that as if all were well.

    Raises:
        PluginError: Somebody tried, with the name of the plugin.
    """
    try:
        yield
    except SystemExit as error:
        raise PluginError(f"{_who(error)} called sys.exit({error.code!r}) during {what}, which ends it.") from error


def _who(error: SystemExit) -> str:
    culprit = culprit_of(error)
    return "A component" if culprit is None else f"{culprit} (in {culprit.function})"
