"""The errors that a user can cause: each is one plain sentence, and the command line turns it into exit code 2."""

from __future__ import annotations

import difflib
import os
import re
import sys
import warnings
from collections.abc import Iterable

LONG_WORD = re.compile(r"\S{401,}")


def shortened(text: str) -> str:
    """A text with long words cut in their middles."""
    return LONG_WORD.sub(lambda found: f"{found[0][:100]}…{found[0][-20:]}", text)


class MmgenError(Exception):
    """Something that the user can put right; the message says what, where, and what would be right.

    Words of more than 400 characters, such as a column of a damaged file can be called, are shortened.
    """

    def __str__(self) -> str:
        return shortened(super().__str__())


class PluginError(MmgenError):
    """A component that is unknown, ambiguous, broken or of the wrong type."""


class DataError(MmgenError):
    """A file or table that cannot be read as what it was said to be."""


class NonFiniteError(MmgenError):
    """A loss term that stopped being a number during training."""


class WriteError(MmgenError):
    """A file that cannot be written: no space, no right, no such place. ``reason`` is what the system says."""

    def __init__(self, path: object, error: BaseException) -> None:
        self.reason = reason_of(error)
        super().__init__(f"The file {str(path)!r} cannot be written: {self.reason}.")

    def add(self, sentence: str) -> None:
        """Say more."""
        self.args = (f"{self} {sentence}",)


class DataWarning(UserWarning):
    """Something about data that the user should know and that stops nothing, such as rows that are new to a run."""


def warn(sentence: str) -> None:
    """A :class:`DataWarning` that names the line of whoever called mmgen."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "mmgen":
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, DataWarning, stacklevel=level)


def reason_of(error: BaseException) -> str:
    """What the system says of a failed reading or writing, without the place.

    >>> reason_of(OSError(28, "No space left on device"))
    'No space left on device'
    >>> reason_of(Exception("I/O error: No space left on device (os error 28)"))
    'No space left on device'
    """
    number = re.search(r"\(os error (\d+)\)", str(error))  # as Rust says it
    return os.strerror(int(number[1])) if number else getattr(error, "strerror", None) or first_line(error)


def first_line(error: BaseException) -> str:
    r"""The first line of an error's message without its full stop; its type where it has no message.

    >>> first_line(OSError("The connection broke.\nTraceback: …"))
    'The connection broke'
    """
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".: ")


def ended(message: str) -> str:
    """A message with a full stop, unless it ends with a mark already.

    >>> ended("'x' is no number"), ended("there is no 'x'; did you mean 'y'?")
    ("'x' is no number.", "there is no 'x'; did you mean 'y'?")
    """
    return message if message.endswith((".", "?", "!")) else f"{message}."


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message with its last mark: the nearest spelling; '' if none is near.

    >>> nearest("epoch", ["epochs", "batch_size"])
    "; did you mean 'epochs'?"
    """
    names = list(known)
    close = [name for name in names if name.lower() == word.lower()] or difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def alternatives(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name, with its last mark: what there is, and the nearest of it.

    >>> alternatives("epoch", ["epochs", "batch_size"])
    "epochs, batch_size; did you mean 'epochs'?"
    >>> alternatives("seed", ["epochs", "batch_size"])
    'epochs, batch_size.'
    """
    names = list(known)
    return f"{listed(names)}{nearest(word, names) or '.'}"


def listed(words: Iterable[str]) -> str:
    """Names for an error message, in a stable order, shortened where there are very many."""
    names = list(words)
    return ", ".join(names[:40]) + (f", … ({len(names)} in all)" if len(names) > 40 else "") if names else "none"
