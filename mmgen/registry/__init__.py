"""Discovery of components by entry point, and behaviour hooks."""

from .components import (
    CORE,
    KINDS,
    Entry,
    allowed,
    declared_files,
    entries,
    find,
    incompatible,
    load,
    load_entry,
    package_folder,
    refresh,
    singular,
    summary,
)

__all__ = [
    "CORE",
    "KINDS",
    "Entry",
    "allowed",
    "declared_files",
    "entries",
    "find",
    "incompatible",
    "load",
    "load_entry",
    "package_folder",
    "refresh",
    "singular",
    "summary",
]
