"""SIGINT and SIGTERM end the step, write a checkpoint and stop; before the first and after the last step, at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingStopped(Exception):  # noqa: N818 - it is not an error
    """A training that was asked to stop. ``code`` is the exit code: 130 or 143.

    Args:
        number: Of the signal.
        folder: Where the run is kept, if anywhere.
        checkpoint: Whether there is one.
    """

    def __init__(self, number: int, folder: str | None, *, checkpoint: bool) -> None:
        self.code = 128 + number
        if folder is None:
            left = "Nothing was written, since there is no output folder."
        elif checkpoint:
            left = f"A checkpoint is in {folder!r}; --resume goes on from it."
        else:
            left = f"There is no checkpoint in {folder!r} yet; --resume begins anew."
        super().__init__(f"Training was stopped by {signal.Signals(number).name}. {left}")


class _AtOnce(BaseException):
    """What a signal raises where nothing is lost by it: no ``except Exception`` on the way takes it for an error."""


class StopRequest:
    """Which signal has asked for a stop, 0 if none has."""

    number = 0
    raises = False

    @contextmanager
    def at_once(self, stopped: Callable[[int], Exception]) -> Iterator[None]:
        """Within this context, which no step ends, a signal raises what ``stopped`` says of its number; so does one
        that came before.
        """
        self.raises = True
        try:
            if self.number:
                raise _AtOnce
            yield
        except _AtOnce:
            raise stopped(self.number) from None
        finally:
            self.raises = False


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Within this context the first SIGINT or SIGTERM only asks for a stop; the second one acts as always."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.number = number
        for each, handler in before.items():
            signal.signal(each, handler)
        if request.raises:
            raise _AtOnce

    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
