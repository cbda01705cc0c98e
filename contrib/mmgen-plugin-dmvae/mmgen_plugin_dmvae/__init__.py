"""DMVAE (Lee and Pavlovic 2021)."""

from .dmvae import DMVAE

__all__ = ["DMVAE"]
