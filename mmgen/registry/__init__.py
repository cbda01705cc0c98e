"""Discovery of components by entry point, and behaviour hooks."""

from .components import (
    CORE,
    KINDS,
    Entry,
    allowed,
    brief,
    declared_files,
    entries,
    find,
    incompatible,
    listable,
    load,
    load_entry,
    package_folder,
    refresh,
    singular,
    summary,
)
from .known import KNOWN, not_installed

__all__ = [
    "CORE",
    "KINDS",
    "KNOWN",
    "Entry",
    "allowed",
    "brief",
    "declared_files",
    "entries",
    "find",
    "incompatible",
    "listable",
    "load",
    "load_entry",
    "not_installed",
    "package_folder",
    "refresh",
    "singular",
    "summary",
]
