"""Where a run is: in a folder, or wherever a plugin finds one."""

from __future__ import annotations

from pathlib import Path

from ..errors import PluginError
from ..registry import KNOWN, entries, load_entry, not_installed
from .folder import RunFolder


def find_folder(path: str | Path) -> RunFolder:
    """The folder of a run; what is none is offered to the functions of the entry-point group ``mmgen.openers``.

    An opener takes the path as it was given, and returns something that reads as a :class:`RunFolder`, or None for what
    is none of its business.

    Raises:
        MmgenError: No run there.
    """
    folder = RunFolder(path)
    if folder.holds_a_run:
        return folder
    broken: PluginError | None = None
    for entry in entries("openers"):
        try:
            opener = load_entry(entry)
        except PluginError as error:
            broken = error
            continue
        opened = opener(path)
        if opened is not None:
            return opened
    if broken is not None:
        raise broken
    if not any(entry.name == "hub" for entry in entries("openers")):
        here = f"There is no run in {str(path)!r}: it has no config.yaml."
        where = f"{here} Opening an exported folder or a run on the Hugging Face Hub needs"
        raise not_installed(where, KNOWN["openers", "hub"])
    return folder  # which says that it holds none
