"""SIGINT and SIGTERM finish the step, write a checkpoint and stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingStopped(Exception):  # noqa: N818 - it is not an error
    """A training that was asked to stop and has written a checkpoint. ``code`` is the exit code: 130 or 143."""

    def __init__(self, number: int, folder: str | None) -> None:
        self.code = 128 + number
        checkpoint = (
            f"A checkpoint is in {folder!r}; --resume goes on from it."
            if folder
            else "Nothing was written, since there is no output folder."
        )
        super().__init__(f"Training was stopped by {signal.Signals(number).name}. {checkpoint}")


class StopRequest:
    """Which signal has asked for a stop, 0 if none has."""

    number = 0


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

    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
