"""How a training ends that cannot go on: with a sentence, of whichever process knows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import MmgenError, NonFiniteError, WriteError
from ..registry.blame import no_exit
from ..runs import RunFolder
from .checkpoint import LAST
from .signals import TrainingStopped


class LostProcessError(MmgenError):
    """Another of several processes has ended, so that this one cannot go on."""

    everywhere = True


@contextmanager
def ending(processes: int, folder: RunFolder | None) -> Iterator[None]:
    """Let whatever ends a training in here end it with a sentence.

    Raises:
        PluginError: Somebody wanted to end Python.
    """
    with told_of_processes(processes), resumable(folder), no_exit("a training"):
        yield


@contextmanager
def resumable(folder: RunFolder | None) -> Iterator[None]:
    """Say, where a file cannot be written, that the training can go on from what was written before."""
    try:
        yield
    except WriteError as error:
        if folder is not None and (folder.path / LAST).exists():
            error.add("The last checkpoint is kept; --resume goes on from it.")
        raise


@contextmanager
def told_of_processes(number: int) -> Iterator[None]:
    """Where several processes train together, let each say what happened to it alone, and that another one has ended.

    Which term is not finite, and that a signal came, all of them know; the first one says it.
    """
    try:
        yield
    except (NonFiniteError, TrainingStopped):
        raise
    except Exception as error:
        if number == 1:
            raise
        if _is_lost_connection(error):
            raise LostProcessError(
                f"Another of the {number} processes has ended, and this one cannot go on alone; --resume goes on from "
                "the last checkpoint."
            ) from error
        error.everywhere = True  # type: ignore[attr-defined]
        raise


def _is_lost_connection(error: Exception) -> bool:
    """Whether the others cannot be reached: PyTorch has types of its own for some of its engines alone."""
    lost = torch.distributed.DistBackendError, torch.distributed.DistNetworkError, torch.distributed.DistStoreError
    words = ("gloo", "nccl", "connection closed", "connection reset", "socket")
    return isinstance(error, lost) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )
