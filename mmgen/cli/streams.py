"""Standard streams that take whatever is printed."""

from __future__ import annotations

import io
import os
import sys


def prepare_streams() -> None:
    """Let what is printed into a closed stream be lost, and what its encoding lacks be written as an escape."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before Python began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as Python runs
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
