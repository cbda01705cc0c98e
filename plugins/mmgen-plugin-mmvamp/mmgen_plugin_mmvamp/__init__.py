"""MM-VAMP VAE and its baselines ("Unity by Diversity", Sutter et al. 2024)."""

from .baselines import Aggregated, Independent
from .mmvamp import MMVAMP

__all__ = ["MMVAMP", "Aggregated", "Independent"]
