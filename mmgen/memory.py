"""How the C library gives memory back while a model trains, or is evaluated, on a CPU."""

from __future__ import annotations

import ctypes

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
