"""CMVAE (Palumbo et al. 2024)."""

from .agreement import ClusterAgreement
from .clusters import Clusters
from .cmvae import CMVAE

__all__ = ["CMVAE", "ClusterAgreement", "Clusters"]
