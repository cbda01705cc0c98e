"""Errors that users cause end in one plain sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MmgenError


@contextmanager
def raises_sentence(match: str, error: type[MmgenError] = MmgenError, *, naming: object = "") -> Iterator[None]:
    """What is done within this context ends in an error whose text is one sentence.

    Args:
        match: A regular expression that is found in the sentence.
        error: The class of the error.
        naming: What the sentence must name, such as the path of a damaged folder.

    Raises:
        AssertionError: There is no error, its text is another one or has several lines, or does not end in one mark.
            An error of another class is passed on.

    Example:
        >>> from mmgen import DataError
        >>> from mmgen.testing import raises_sentence
        >>> with raises_sentence("no file genes.csv", DataError):
        ...     raise DataError("There is no file genes.csv in the folder.")
    """
    try:
        yield
    except error as caught:
        text = str(caught)
    else:
        raise AssertionError(f"there was no {error.__name__}; it should say {match!r}")
    assert re.search(match, text), f"{match!r} is not found in {text!r}"
    assert str(naming) in text, f"{str(naming)!r} is not named in {text!r}"
    assert "\n" not in text, f"this is more than one line: {text!r}"
    assert "Traceback" not in text and re.search(r"[^.?][.?]$", text), f"this is no sentence: {text!r}"
