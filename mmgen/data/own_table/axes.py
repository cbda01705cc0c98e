"""Which axis of an image in an array has its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

USUAL = (1, 3)


def channel_axis(stored: Sequence[int], shape: Sequence[int] | None = None) -> Literal["first", "last"] | None:
    """Where the channels of images ``[channels, height, width]`` or ``[height, width, channels]`` are; None: unclear.

    Args:
        stored: The three sizes of an image, as they are in the array.
        shape: ``[channels, height, width]``, where that is known; an order that gives it is the one.

    Without it one or three are channels, at the front if they may be. Else the first or the last axis is that of the
    channels if it is at most half as long as both others: a stack of slices is not taken for channels.
    """
    first, middle, last = stored
    if shape is not None and list(shape) == [first, middle, last]:
        return "first"
    if shape is not None and list(shape) == [last, first, middle]:
        return "last"
    if first in USUAL or last in USUAL:
        return "first" if first in USUAL else "last"
    if 2 * first <= min(middle, last):
        return "first"
    return "last" if 2 * last <= min(first, middle) else None
