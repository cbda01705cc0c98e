"""MVAE (Wu & Goodman 2018)."""

from .mvae import MVAE

__all__ = ["MVAE"]
