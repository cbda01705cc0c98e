"""Recordings for mmgen: trials of NWB files, with the spikes of each unit counted in bins."""

from .nwb import NwbFile
from .options import NwbOptions

__all__ = ["NwbFile", "NwbOptions"]
