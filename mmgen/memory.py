"""How much memory there is, and how the C library gives it back while a model trains, or is evaluated, on a CPU."""

from __future__ import annotations

import ctypes
import math
import os
from contextlib import suppress
from pathlib import Path

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of malloc.h


def keep_freed_memory() -> bool:
    """Let the process keep what it frees, for the next step; whether the C library could be asked.

    glibc asks the kernel for every large tensor anew and gives it back at once. A step makes the same tensors as the
    one before, so the kernel empties the same pages again and again: up to half of a step. The process then stays as
    large as its largest step, which it would have to be again anyway. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    largest = 32 * 2**20  # what glibc allows; larger tensors still come from the kernel
    return all(
        [mallopt(M_MMAP_THRESHOLD, largest), mallopt(M_TRIM_THRESHOLD, 2**31 - 1), mallopt(M_TOP_PAD, 64 * 2**20)]
    )


GROUPS = Path("/proc/self/cgroup")  # of Linux: a line ``number:controllers:path`` for each hierarchy
ROOT = Path("/sys/fs/cgroup")


def memory_there() -> float:
    """Bytes of the machine, or that a container's limit leaves; infinite where the system does not say."""
    try:
        whole = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        whole = math.inf
    return min([whole, *_limits()])


def _limits() -> list[float]:
    """Of the groups of processes that this one is in, and of those above them."""
    try:
        lines = [line.split(":", 2) for line in GROUPS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers not in ("", "memory"):
            continue
        root = ROOT / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        place = root / path.strip("/")
        for folder in (place, *place.parents):
            with suppress(OSError, ValueError):  # there is no such file, or its limit is "max"
                found.append(float((folder / name).read_text(encoding="utf-8")))
            if folder == root:
                break
    return found
