"""MVTCAE (Hwang et al. 2021)."""

from .mvtcae import MVTCAE

__all__ = ["MVTCAE"]
