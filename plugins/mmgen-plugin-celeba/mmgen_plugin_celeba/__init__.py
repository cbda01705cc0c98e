"""Bimodal CelebA for mmgen: faces and the text of their attributes, from the official files or drawn."""

from __future__ import annotations

from .attributes import ALPHABETS, ATTRIBUTES
from .celeba import CelebA
from .config import CelebAConfig
from .standin import write_drawings

__all__ = ["ALPHABETS", "ATTRIBUTES", "CelebA", "CelebAConfig", "write_drawings"]
