"""Multi-view adversarial and Wasserstein autoencoders."""

from .maae import MAAE
from .mwae import MWAE
from .mwae_mmd import MWAEMMD

__all__ = ["MAAE", "MWAE", "MWAEMMD"]
