"""The rats dataset for mmgen: hippocampal spikes of five rats, one modality per rat, real or simulated."""

from __future__ import annotations

from .official import read_recordings
from .rats import Rats, RatsConfig
from .simulator import simulate_recordings
from .windows import ODOURS, RATS, Rat, Recording, paired_windows, split_by_trial

__all__ = [
    "ODOURS",
    "RATS",
    "Rat",
    "Rats",
    "RatsConfig",
    "Recording",
    "paired_windows",
    "read_recordings",
    "simulate_recordings",
    "split_by_trial",
]
