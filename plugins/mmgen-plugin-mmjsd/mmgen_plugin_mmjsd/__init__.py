"""MMJSD (Sutter et al. 2020) and MMJSD-PoE ("Mitigating the limitations of multimodal VAEs with coordination-based
approach").
"""

from .mmjsd import MMJSD
from .mmjsd_poe import MMJSDPoE

__all__ = ["MMJSD", "MMJSDPoE"]
