"""MMJSD (Sutter et al. 2020) and MMJSD-PoE: a Jensen-Shannon divergence with a dynamic prior."""

from .mmjsd import MMJSD
from .mmjsd_poe import MMJSDPoE

__all__ = ["MMJSD", "MMJSDPoE"]
