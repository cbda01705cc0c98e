"""JNF and JNF-Shared (Senellart et al. 2023, 2025)."""

from .jnf import JNF
from .shared import JNFShared

__all__ = ["JNF", "JNFShared"]
