"""Which of several processes this is."""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """Whether this process is the first of several that train together, or alone."""
    return os.environ.get("RANK", "0") == "0"
