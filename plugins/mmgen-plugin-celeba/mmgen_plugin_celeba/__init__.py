"""CelebA for mmgen: faces, and the text of their attributes or the attributes, from the official files or drawn."""

from __future__ import annotations

from .attributes import ALPHABETS, ATTRIBUTES, VISIBLE
from .celeba import CelebA
from .celeba_attributes import CelebAAttributes
from .config import CelebAAttributesConfig, CelebAConfig
from .standin import write_drawings

__all__ = [
    "ALPHABETS",
    "ATTRIBUTES",
    "VISIBLE",
    "CelebA",
    "CelebAAttributes",
    "CelebAAttributesConfig",
    "CelebAConfig",
    "write_drawings",
]
