"""CoDE-VAE (Mancisidor et al. 2025)."""

from .code_vae import CoDEVAE
from .consensus import Consensus

__all__ = ["CoDEVAE", "Consensus"]
