"""Volumes for mmgen: NIfTI files in a column, and three-dimensional convolutions."""

from .files import read_volume, save_volume
from .volume import VolumeModality

__all__ = ["VolumeModality", "read_volume", "save_volume"]
