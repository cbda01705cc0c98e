"""MHVAE (Dorent et al. 2023)."""

from .hierarchy import Hierarchy
from .levels import Levels
from .mhvae import MHVAE

__all__ = ["MHVAE", "Hierarchy", "Levels"]
