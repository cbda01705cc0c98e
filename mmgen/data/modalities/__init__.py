"""The modalities that the core ships: vectors, images, counts, text, tags, labels, and columns of
different types.
"""

from .codes import LabelsModality
from .counts import CountsModality
from .fully_connected import Cellwise
from .image import ImageModality
from .mixed import MixedModality
from .tags import TagsModality
from .text import TextModality
from .vector import VectorModality

__all__ = [
    "Cellwise",
    "CountsModality",
    "ImageModality",
    "LabelsModality",
    "MixedModality",
    "TagsModality",
    "TextModality",
    "VectorModality",
]
