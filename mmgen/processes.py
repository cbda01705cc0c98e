"""Which of several processes this is."""

from __future__ import annotations

import importlib
import os


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
