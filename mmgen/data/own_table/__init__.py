"""The dataset ``table``: one's own data.

The names are imported when they are first used: what reads files is public in :mod:`mmgen.data` and needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = ["OwnTable", "OwnTableConfig"]
__getattr__, __dir__ = lazily(__name__, {".config": ("OwnTableConfig",), ".dataset": ("OwnTable",)})

if TYPE_CHECKING:
    from .config import OwnTableConfig as OwnTableConfig
    from .dataset import OwnTable as OwnTable
