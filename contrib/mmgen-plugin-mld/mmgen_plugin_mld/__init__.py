"""MLD, multi-modal latent diffusion (Bounoua et al. 2024)."""

from .mld import MLD

__all__ = ["MLD"]
