"""An example of a plugin: the objective ``mwb`` and the dataset ``breast-cancer``."""

from .breast_cancer import BreastCancer
from .mwb import MWB

__all__ = ["MWB", "BreastCancer"]
