"""Discovery of components by entry point, and behaviour hooks."""

from .components import (
    CORE,
    KINDS,
    Entry,
    allowed,
    entries,
    find,
    incompatible,
    load,
    load_entry,
    package_folder,
    recipe_files,
    refresh,
    singular,
    summary,
)

__all__ = [
    "CORE",
    "KINDS",
    "Entry",
    "allowed",
    "entries",
    "find",
    "incompatible",
    "load",
    "load_entry",
    "package_folder",
    "recipe_files",
    "refresh",
    "singular",
    "summary",
]
