"""Which of several processes this is."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

PATIENCE = 15  # seconds, before what is waited for is said


def is_main_process() -> bool:
    """Whether this process is the first of several that train together, or alone."""
    return os.environ.get("RANK", "0") == "0"


def let_groups_end() -> None:
    """Of several processes that train together: let nothing keep hold of their group once it is destroyed.

    ``torch.distributed.nn`` binds the group that it finds, as the default of its functions, when it is imported, and
    the wrapper of a model on several processes imports it. A group that is still held keeps its threads, and one of
    these that drops a tensor after Python has ended aborts the process (``terminate called without an active
    exception``). So it is imported before there is a group.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        importlib.import_module("torch.distributed.nn")


@contextmanager
def said_to_wait() -> Iterator[None]:
    """Say, where processes that are to train together do not meet soon, that this one waits for the others.

    PyTorch waits in silence, for half an hour. One process may have been killed before it came, and its launcher ends
    the others; or there is no launcher, and ``WORLD_SIZE`` was left in the environment by something else.
    """
    number = os.environ.get("WORLD_SIZE", "1")
    who = f"mmgen (process {os.environ.get('RANK', '0')})"
    together = f"{number} processes that are to train together (RANK and WORLD_SIZE in the environment say so)"
    sentence = f"{who}: Waiting for the others of {together}."
    timer = Timer(PATIENCE, lambda: print(sentence, file=sys.stderr, flush=True))  # noqa: T201 - as errors are said
    timer.daemon = True
    if number != "1":
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
