"""Names under ``mmgen`` that plugins of this project have: ``mmgen.compare``, ``mmgen.report``, ``mmgen.reproduce``."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from typing import Any

from .components import allowed
from .known import not_installed

BORROWED = {  # name under mmgen to distribution and its public name
    "compare": ("mmgen-plugin-compare", "compare"),
    "report": ("mmgen-plugin-report", "write_report"),
    "reproduce": ("mmgen-plugin-papers", "reproduce"),
}


def borrowed(name: str) -> Any:
    """What ``mmgen.NAME`` stands for.

    Raises:
        PluginError: The plugin is not there.
    """
    distribution, attribute = BORROWED[name]
    package = distribution.replace("-", "_")
    if not allowed(distribution) or importlib.util.find_spec(package) is None:
        raise not_installed(f"mmgen.{name} is part of", distribution)
    return getattr(import_module(package), attribute)
