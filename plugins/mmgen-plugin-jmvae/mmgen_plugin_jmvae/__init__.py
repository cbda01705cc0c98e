"""Multimodal VAEs with a joint encoder: JMVAE, TELBO, and the joint encoder alone."""

from .jmvae import JMVAE
from .joint import Joint
from .telbo import TELBO

__all__ = ["JMVAE", "TELBO", "Joint"]
