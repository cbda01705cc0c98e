"""Nexus (Vasco et al. 2022)."""

from .nexus import Nexus

__all__ = ["Nexus"]
