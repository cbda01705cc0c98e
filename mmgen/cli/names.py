"""Names given on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import MmgenError, listed, nearest


def split_names(text: str | None) -> list[str] | None:
    """``"a, b"`` as names; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def checked(names: Iterable[str], known: Iterable[str], what: str) -> list[str]:
    """The names, all of which must be known."""
    wanted, there = list(names), list(known)
    for name in wanted:
        if name not in there:
            raise MmgenError(f"{what}: there is no modality {name!r}; there are {listed(there)}{nearest(name, there)}.")
    return wanted
