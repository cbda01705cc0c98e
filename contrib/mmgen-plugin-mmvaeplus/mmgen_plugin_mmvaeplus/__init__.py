"""MMVAE+ (Palumbo et al. 2023)."""

from .mmvaeplus import MMVAEPlus
from .options import MMVAEPlusConfig

__all__ = ["MMVAEPlus", "MMVAEPlusConfig"]
