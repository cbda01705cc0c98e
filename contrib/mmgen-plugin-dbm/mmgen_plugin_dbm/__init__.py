"""The multimodal deep Boltzmann machine (Srivastava and Salakhutdinov 2012)."""

from .dbm import DBM

__all__ = ["DBM"]
