"""CRMVAE ("Mitigating the limitations of multimodal VAEs with coordination-based approach")."""

from .crmvae import CRMVAE

__all__ = ["CRMVAE"]
