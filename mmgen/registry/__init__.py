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
from .registered import entry_of, is_local, load_component, name_of, register

__all__ = [
    "CORE",
    "KINDS",
    "KNOWN",
    "Entry",
    "allowed",
    "brief",
    "declared_files",
    "entries",
    "entry_of",
    "find",
    "incompatible",
    "is_local",
    "listable",
    "load",
    "load_component",
    "load_entry",
    "name_of",
    "not_installed",
    "package_folder",
    "refresh",
    "register",
    "singular",
    "summary",
]
