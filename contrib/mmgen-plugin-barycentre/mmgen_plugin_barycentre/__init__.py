"""Pools of experts by the divergence that they minimise: Wasserstein barycentres (Qiu et al. 2025), Hölder and
Hellinger pools (Vo & Valera 2026), and mixtures of these over subsets.
"""

from .barycentric import MWBVAE, WBVAE
from .hellinger import HELVAE, MoHELVAE
from .hoelder_pool import HoelderPool
from .subsets import MixtureOfPools

__all__ = ["HELVAE", "MWBVAE", "WBVAE", "HoelderPool", "MixtureOfPools", "MoHELVAE"]
