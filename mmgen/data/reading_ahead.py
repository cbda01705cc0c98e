"""Rows of a table that is larger than memory, in an order of chance: the system is told which ones come next."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

from torch import Tensor

from ..memory import memory_there
from .table import Table

SHARE = 0.5  # of the memory, from which a table is told of: the system keeps a smaller one there by itself


class ReadingAhead:
    """Lets the system fetch rows of a table while those before are computed with.

    Where a row of a mapped file is touched that is not in memory, the system reads megabytes around it, which is right
    for files that are read from their beginning to their end, and a thousand times too much for rows in an order of
    chance. So it is told to read no more than what is touched, and told of the rows of the next batch before they are.

    Where the table fits into memory, or the system takes no advice, nothing is done.

    Args:
        table: On the processor, mapped from a file.
    """

    def __init__(self, table: Table) -> None:
        whole = [values for values in (*table.data.values(), *table.observed.values()) if isinstance(values, Tensor)]
        mapped = [values for values in whole if values.device.type == "cpu" and values.is_contiguous() and len(values)]
        self._advise = _advice() if sum(each.nbytes for each in mapped) > SHARE * memory_there() else None
        self._places = [(each.data_ptr(), each.nbytes // len(each)) for each in mapped]
        for each in mapped if self._advise is not None else ():
            self._say(mmap.MADV_RANDOM, each.data_ptr(), each.nbytes)

    def fetch(self, rows: Tensor) -> None:
        """Rows that come soon."""
        if self._advise is None:
            return
        for start, size in self._places:
            for row in rows.tolist():
                self._say(mmap.MADV_WILLNEED, start + row * size, size)

    def _say(self, what: int, address: int, size: int) -> None:
        assert self._advise is not None
        begin = address // mmap.PAGESIZE * mmap.PAGESIZE
        self._advise(begin, size + address - begin, what)  # advice: whether it was taken changes no number


def _advice() -> Any:
    """The C library's ``madvise``; None where there is none."""
    try:
        advise = ctypes.CDLL(None, use_errno=True).madvise
    except (AttributeError, OSError):
        return None
    if not (hasattr(mmap, "MADV_RANDOM") and hasattr(mmap, "MADV_WILLNEED")):
        return None
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return advise
