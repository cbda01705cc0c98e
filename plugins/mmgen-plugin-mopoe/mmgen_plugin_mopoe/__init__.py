"""MoPoE-VAE ("Generalized Multimodal ELBO", Sutter et al. 2021)."""

from .mopoe import MoPoE

__all__ = ["MoPoE"]
