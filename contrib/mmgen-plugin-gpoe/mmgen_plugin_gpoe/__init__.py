"""gPoE-MVAE and the deviation of latents from a norm (Lawry Aguila et al. 2023)."""

from .gpoe import GPoE
from .latent_deviation import LatentDeviation

__all__ = ["GPoE", "LatentDeviation"]
