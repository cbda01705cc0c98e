"""MMVAE (Shi et al. 2019)."""

from .mmvae import MMVAE

__all__ = ["MMVAE"]
