"""The multi-channel VAE (Antelmi et al. 2019)."""

from .mcvae import MCVAE

__all__ = ["MCVAE"]
