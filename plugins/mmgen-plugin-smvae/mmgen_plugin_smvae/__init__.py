"""Multimodal VAEs with a surrogate joint posterior: SMVAE, SMVGON, and the gradient origin alone (VGON)."""

from .origin import GradientOrigin
from .smvae import SMVAE
from .smvgon import SMVGON
from .vgon import VGON

__all__ = ["SMVAE", "SMVGON", "VGON", "GradientOrigin"]
