"""Names and numbers given on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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


def numbers(text: str | None, kind: type, option: str) -> list[Any] | None:
    """``"0,1,2"`` as numbers of a kind; None stays None."""
    words = split_names(text)
    if words is None:
        return None
    try:
        return [kind(word) for word in words]
    except ValueError as error:
        raise MmgenError(f"{option}: {text!r} is not right; write numbers separated by commas, such as {option} 0,1,2.") from error
