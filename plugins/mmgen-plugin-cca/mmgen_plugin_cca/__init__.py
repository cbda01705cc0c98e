"""Two-view methods: CCA, DCCA, DCCAE, VCCA, VCCA-private, MVCL, and the split autoencoder."""

from .cca import CCA
from .dcca import DCCA
from .dccae import DCCAE
from .mvcl import MVCL
from .split_autoencoder import SplitAutoencoder
from .vcca import VCCA
from .vcca_private import VCCAPrivate

__all__ = ["CCA", "DCCA", "DCCAE", "MVCL", "VCCA", "SplitAutoencoder", "VCCAPrivate"]
