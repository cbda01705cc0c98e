"""CMMD, a classifier with a conditional prior, and the classifier on the observed modalities alone."""

from .available_only import AvailableOnly
from .cmmd import CMMD

__all__ = ["CMMD", "AvailableOnly"]
