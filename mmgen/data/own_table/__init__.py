"""The dataset ``table``: one's own data."""

from .config import OwnTableConfig
from .dataset import OwnTable

__all__ = ["OwnTable", "OwnTableConfig"]
